#include <weir/core/standby_placement.h>

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace weir {
namespace {

TEST(StandbyPlacement, FindsTheInstanceInTheClientIdOfAWorker) {
  EXPECT_EQ(worker_of("app-0123456789abcdef-worker-3", "app"), (WorkerIdentity{"0123456789abcdef"}));
  EXPECT_EQ(worker_of("my-app-x-worker-10", "my-app"), (WorkerIdentity{"x"}));
  EXPECT_EQ(worker_of("app-me@home-worker-1@rack-1", "app"), (WorkerIdentity{"me@home", "rack-1"}));
  for (const char* other :
       {"", "app", "app-worker-0", "app--worker-0", "other-x-worker-0", "app-x-restore", "appx-1-worker-0"}) {
    EXPECT_FALSE(worker_of(other, "app").has_value()) << other;
  }
}

TEST(StandbyPlacement, SeesWhoOwnsWhatInAStableGroup) {
  GroupDescription group;
  group.state = GroupDescription::State::kStable;
  group.members.push_back({.client_id = "app-a-worker-0", .assignment = {{"app-tasks", 0}, {"other", 1}}});
  group.members.push_back({.client_id = "app-a-worker-1", .assignment = {{"app-tasks", 2}}});
  group.members.push_back({.client_id = "app-b-worker-0@west", .assignment = {{"app-tasks", 1}}});
  group.members.push_back({.client_id = "a stranger", .assignment = {{"app-tasks", 3}}});
  const auto view = view_of(group, "app");
  ASSERT_TRUE(view.has_value());
  EXPECT_EQ(view->instances, (std::set<std::string>{"a", "b"}));
  EXPECT_EQ(view->owners, (std::map<Partition, std::string>{{0, "a"}, {1, "b"}, {2, "a"}}));
  EXPECT_EQ(view->racks, (std::map<std::string, std::string>{{"b", "west"}}));
  group.state = GroupDescription::State::kPreparing;
  EXPECT_FALSE(view_of(group, "app").has_value());
}

GroupView view_with(int instances, int tasks) {
  GroupView view;
  for (int i = 0; i < instances; ++i) view.instances.insert("instance" + std::to_string(i));
  for (int t = 0; t < tasks; ++t) view.owners[t] = "instance" + std::to_string(t % instances);
  return view;
}

TEST(StandbyPlacement, ChoosesSoManyOthersThanTheOwner) {
  const GroupView view = view_with(4, 40);
  for (Partition token = 0; token < 40; ++token) {
    const TaskId task{0, token};
    for (int replicas = 0; replicas <= 5; ++replicas) {
      const auto chosen = standbys_of(task, token, view, replicas);
      EXPECT_EQ(chosen.size(), static_cast<std::size_t>(std::min(replicas, 3)));
      EXPECT_FALSE(chosen.contains(view.owners.at(token)));
    }
    EXPECT_EQ(standbys_of(task, token, view, kAllInstances).size(), 3U);
  }
}

TEST(StandbyPlacement, SpreadsThemAndMovesOnlyThoseOfWhoGoes) {
  constexpr int kTasks = 300;
  GroupView view = view_with(5, kTasks);
  std::map<Partition, std::set<std::string>> before;
  std::map<std::string, int> load;
  for (Partition token = 0; token < kTasks; ++token) {
    before[token] = standbys_of({0, token}, token, view, 1);
    for (const std::string& instance : before[token]) ++load[instance];
  }
  ASSERT_EQ(load.size(), 5U);
  for (const auto& [instance, count] : load) EXPECT_GT(count, kTasks / 15) << instance;
  // The owners stay, one instance without tasks of its own comes: a standby stays or moves to it.
  view.instances.insert("newcomer");
  int moved = 0;
  for (Partition token = 0; token < kTasks; ++token) {
    const auto now = standbys_of({0, token}, token, view, 1);
    if (now == before[token]) continue;
    EXPECT_EQ(now, std::set<std::string>{"newcomer"});
    ++moved;
  }
  EXPECT_GT(moved, 0);
  EXPECT_LT(moved, kTasks / 2);
}

TEST(StandbyPlacement, PrefersRacksWithoutACopy) {
  GroupView view = view_with(6, 60);
  for (int i = 0; i < 6; ++i)
    view.racks["instance" + std::to_string(i)] = i < 3 ? "east" : i < 5 ? "west" : "north";
  for (Partition token = 0; token < 60; ++token) {
    const TaskId task{0, token};
    std::set<std::string> racks{view.racks.at(view.owners.at(token))};
    for (const std::string& instance : standbys_of(task, token, view, 2))
      racks.insert(view.racks.at(instance));
    EXPECT_EQ(racks.size(), 3U);
    // When all racks have one, the order is that of the others.
    EXPECT_EQ(standbys_of(task, token, view, 4).size(), 4U);
    // One that says nothing of its rack is no reason against it.
    GroupView silent = view;
    silent.racks.clear();
    silent.racks["instance0"] = "east";
    GroupView none = view;
    none.racks.clear();
    EXPECT_EQ(standbys_of(task, token, silent, 1), standbys_of(task, token, none, 1));
  }
}

// Instances of other builds must agree with this one.
TEST(StandbyPlacement, StaysWhatItIs) {
  const GroupView view{{"a", "b", "c", "d"}, {{0, "a"}}};
  std::string chosen;
  for (Partition partition = 0; partition < 8; ++partition) {
    chosen += *standbys_of({1, partition}, 0, view, 1).begin();
  }
  EXPECT_EQ(chosen, "bdbcbcbb");
}

}  // namespace
}  // namespace weir
