// Bugs on purpose, to prove that the simulator finds their like.
//
// A build with WEIR_PLANTED_BUGS (never one that is installed) has them all, asleep; `plant` wakes one. In any other build
// WEIR_PLANTED is `false`, and nothing of this is in the binary. Each bug is a condition at the place where somebody could
// have made the mistake, and a line of the table here.
//
// Included by sources only. Thread safety: `plant` comes before the first thread.
#pragma once

#ifdef WEIR_PLANTED_BUGS

#include <array>
#include <cstddef>
#include <string_view>

namespace weir {

struct PlantedBug {
  std::string_view name;
  std::string_view what;
};

inline constexpr std::array kPlantedBugs{
    PlantedBug{"apply-before-commit",
               "state is applied when the records are acknowledged, before the commit"},
    PlantedBug{"apply-before-outcome", "state is applied when the commit was asked for, whatever it says"},
    PlantedBug{"position-one-behind", "committed positions name the last record instead of the next"},
    PlantedBug{"position-one-ahead", "committed positions skip a record"},
    PlantedBug{"position-of-fetch", "committed positions are those of the reader, not of what was processed"},
    PlantedBug{"positions-of-first-task",
               "a transaction commits with the positions of one of its tasks only"},
    PlantedBug{"positions-of-revoked",
               "at a revocation only the revoked tasks are committed, with the writes of all"},
    PlantedBug{"revoked-before-commit", "a task is given back while its writes wait for their commit"},
    PlantedBug{"lost-without-abort", "after a lost assignment the transaction goes on"},
    PlantedBug{"zombie-not-fenced", "transactional offsets come without a proof of membership"},
    PlantedBug{"unknown-is-committed", "an unknown outcome of a commit is taken for a commit"},
    PlantedBug{"unknown-keeps-producer", "after an unknown outcome the same producer goes on"},
    PlantedBug{"abort-not-done", "an abort is reported done, and the next transaction continues the old one"},
    PlantedBug{"abort-without-rewind", "after an abort the tasks go on from where they were"},
    PlantedBug{"abort-without-seek", "after an abort partitions are read on from where their readers were"},
    PlantedBug{"overlay-kept", "what was not committed stays in the stores after a rewind"},
    PlantedBug{"failure-ignored", "a failed delivery does not keep the transaction from its commit"},
    PlantedBug{"acks-not-awaited", "positions are committed while records are on their way"},
    PlantedBug{"deletes-not-logged", "the changelog has no tombstones"},
    PlantedBug{"changelog-offset-ahead", "a store believes to contain more of its changelog than it does"},
    PlantedBug{"restore-to-stable-end", "a restore ends at the last stable offset"},
    PlantedBug{"restore-uncommitted", "a restore reads what is not committed, and what was aborted"},
    PlantedBug{"restore-ends-early", "a restore stops before the end of the changelog"},
    PlantedBug{"restore-keeps-stale", "a restore does not delete what the changelog deletes"},
    PlantedBug{"own-positions",
               "a task goes on from its own record of the last commit, not from the group's"},
    PlantedBug{"reset-to-end", "a topic between two tasks is read from its end when there is no position"},
    PlantedBug{"offsets-not-stable",
               "committed positions are taken although a transaction is about to change them"},
    PlantedBug{"stream-time-lost", "the stream time does not survive a restart"},
    PlantedBug{"operator-time-lost", "the clocks of operators do not survive a restart"},
    PlantedBug{"headers-lost", "records lose their headers"},
    PlantedBug{"changelog-partition", "the changelog of every task is partition 0"},
    PlantedBug{"changelog-time", "records of the changelog have no time of their own"},
    PlantedBug{"changelog-offset-of-first", "of several stores only one knows how far its changelog goes"},
    PlantedBug{"position-of-first-source",
               "of several sources of a task only one has its position committed"},
    PlantedBug{"times-not-in-positions", "committed positions come without the times of their task"},
    PlantedBug{"rewind-to-begin", "a task without stores is taken back to where it was opened"},
    PlantedBug{"standby-promoted-early",
               "a standby is handed over with what it has, though its changelog has more"},
    PlantedBug{"restore-offset-ahead", "a restored store believes to contain one record more"},
    PlantedBug{"given-back-dirty", "a store in memory keeps what its last task did not commit"},
    PlantedBug{"positions-at-rest-forgotten", "positions are committed only when something was processed"},
    PlantedBug{"opening-not-given-up", "a task that is lost while it is opened is opened nevertheless"},
    PlantedBug{"store-clock-lost", "the clocks of stores of windows are not committed with them"},
    PlantedBug{"log-of-store-off", "a database writes no log of its own, and loses what it has in memory"},
    PlantedBug{"restore-keeps-last", "the last tombstone of a batch is not restored"},
    PlantedBug{"tile-not-written", "of the tiles of a key that changed, the last is not written"},
    PlantedBug{"as-of-by-clock", "models are chosen by the wall clock instead of the record's time"},
    PlantedBug{"registry-not-awaited",
               "records are scored by what is known of the registry, however old that is"},
    PlantedBug{"timers-not-committed", "what only timers have done is not committed"},
    PlantedBug{"emit-after-encode", "what waits for a commit is told when the changelog is written already"},
    PlantedBug{"stream-time-not-rewound", "an abort does not take the stream time back"},
    PlantedBug{"operator-time-not-rewound", "an abort does not take the clocks of operators back"},
    PlantedBug{"lost-commit-goes-on",
               "a commit that has not sent its positions goes on after its tasks are lost"},
    PlantedBug{"purge-before-commit", "a repartition topic loses what is not committed yet"},
    PlantedBug{"tombstones-forgotten",
               "a store that is older than its changelog keeps deletions is brought up to date"},
    PlantedBug{"restore-of-first-store", "a task begins when the first of its stores is restored"},
    PlantedBug{"restore-skips-one", "a restore begins behind the next record of the changelog"},
    PlantedBug{"read-uncommitted", "sources are read with what is not committed, or was aborted"},
    PlantedBug{"global-uncommitted", "global stores are filled with what is not committed, or was aborted"},
    PlantedBug{"times-of-store", "a task goes on with the times in its stores, however old they are"},
    PlantedBug{"hold-ignored", "tasks that are paused go on"},
    PlantedBug{"budget-ignored", "no commit is made when too much is uncommitted"},
    PlantedBug{"buffers-unbounded", "what is buffered knows no limit in bytes"},
    PlantedBug{"deletes-logged-empty", "the changelog has empty rows for tombstones"},
    PlantedBug{"timer-too-soon", "a timer fires again after half its interval"},
    PlantedBug{"letters-without-headers", "dead letters lose the headers of their records"},
    PlantedBug{"closed-uncommitted", "an application closes without a commit"},
    PlantedBug{"restore-backwards", "the records of a batch are restored from the last to the first"},
    PlantedBug{"unknown-asked-again", "a commit of unknown outcome is asked for once more"},
    PlantedBug{"offsets-unknown-goes-on",
               "a transaction is committed although nobody knows whether its positions got there"},
    PlantedBug{"applied-of-first-task", "of several tasks in a transaction only one applies what it did"},
    PlantedBug{"partition-time-lost", "the times of partitions do not survive a restart"},
    PlantedBug{"positions-at-rest-of-first",
               "of several tasks at rest only one has its positions committed again"},
    PlantedBug{"letters-twice", "a record is sent aside twice"},
    PlantedBug{"timers-while-held", "timers of tasks that are paused fire"},
    PlantedBug{"windows-not-logged", "stores of windows have no changelog"},
    PlantedBug{"rebuilt-on-top", "a store that is to be rebuilt keeps its rows"},
    PlantedBug{"old-epoch-accepted", "the broker takes what producers of former epochs send"},
    PlantedBug{"flights-not-awaited", "a commit passes records that wait for their scores"},
    PlantedBug{"answers-as-they-come", "scores are passed on as they come, not in the order of the records"},
    PlantedBug{"memo-not-loaded", "what a store remembers beside its rows is not read when it is opened"},
    PlantedBug{"first-deletion-not-logged",
               "a deletion that is the first change of a commit is not in the changelog"},
};

// Returns the number of a bug; one that is not in the table does not compile.
consteval std::size_t planted_bug(std::string_view name) {
  for (std::size_t bug = 0; bug < kPlantedBugs.size(); ++bug) {
    if (kPlantedBugs[bug].name == name) return bug;
  }
  throw "there is no such bug";
}

inline std::size_t the_planted_bug = kPlantedBugs.size();

// Wakes the bug of that name. Returns whether there is one.
inline bool plant(std::string_view name) {
  for (std::size_t bug = 0; bug < kPlantedBugs.size(); ++bug) {
    if (kPlantedBugs[bug].name != name) continue;
    the_planted_bug = bug;
    return true;
  }
  return false;
}

}  // namespace weir

#define WEIR_PLANTED(name) (::weir::the_planted_bug == ::weir::planted_bug(name))

#else

#define WEIR_PLANTED(name) false

#endif
