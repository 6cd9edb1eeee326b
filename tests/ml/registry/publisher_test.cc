// Does the publisher write what applications read, in one piece, and alone?
#include <weir/ml/registry/publisher.h>

#include <sys/wait.h>

#include <cstdio>
#include <fstream>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include <weir/core/embedded/broker.h>
#include <weir/core/embedded/embedded_transport.h>
#include <weir/core/embedded/faults.h>
#include <weir/core/status.h>

#include "ml/registry/scale_model.h"

namespace weir::ml {
namespace {

class PublisherTest : public testing::Test {
 protected:
  absl::StatusOr<std::unique_ptr<Publisher>> open() { return Publisher::open(transport_, options()); }
  static PublisherOptions options() {
    return {.registry = "models",
            .artifacts = "artifacts",
            .formats = scale_formats(),
            .patience = Duration{10'000}};
  }
  static ModelManifest manifest(const std::string& version, Timestamp effective_from) {
    ModelManifest manifest = scale_manifest(version, "1", effective_from);
    manifest.digest.clear();
    manifest.size = 0;
    return manifest;
  }
  static std::string shown(const std::vector<Publisher::Entry>& entries) {
    std::string text;
    for (const Publisher::Entry& entry : entries) {
      text += entry.id + ":" + entry.manifest.version + "@" + std::to_string(entry.manifest.effective_from) +
              (entry.in_use ? "* " : " ");
    }
    return text;
  }

  std::shared_ptr<EmbeddedBroker> broker_ = std::make_shared<EmbeddedBroker>();
  const std::unique_ptr<Transport> owned_ = make_embedded_transport(broker_);
  Transport& transport_ = *owned_;
};

TEST_F(PublisherTest, PublishesListsAndRollsBack) {
  auto publisher = open();
  ASSERT_TRUE(publisher.ok()) << publisher.status();
  const auto first = (*publisher)->publish(manifest("1", 0), "2");
  ASSERT_TRUE(first.ok()) << first.status();
  EXPECT_EQ(*first, "00000001");
  ASSERT_TRUE((*publisher)->publish(manifest("2", 100), "3" + std::string(2 * kChunkBytes, ' ')).ok());
  EXPECT_EQ(shown((*publisher)->list("m")), "00000001:1@0 00000002:2@100* ");
  const auto back = (*publisher)->roll_back("m", 200);
  ASSERT_TRUE(back.ok()) << back.status();
  EXPECT_EQ(*back, "1");
  EXPECT_EQ(shown((*publisher)->list()), "00000001:1@0 00000002:2@100 00000003:1@200* ");
  const auto entries = (*publisher)->list("m");
  EXPECT_EQ(entries[2].manifest.digest, entries[0].manifest.digest);
  EXPECT_EQ(entries[0].manifest.inputs, (std::vector<std::string>{"x"}));
  EXPECT_FALSE(entries[0].manifest.golden.empty());
  // Another one finds the same.
  auto reader = Publisher::open_to_read(transport_, options());
  ASSERT_TRUE(reader.ok()) << reader.status();
  EXPECT_EQ(shown((*reader)->list()), shown((*publisher)->list()));
  EXPECT_FALSE((*reader)->publish(manifest("9", 0), "9").ok());
}

// As brokers answer that have not heard yet of a topic that was just made.
class UnheardOf final : public Faults {
 public:
  Fate fate_of(const FaultSite& site) override {
    if (site.operation != embedded::Operation::kListOffsets || refused_++ > 2) return {};
    return Fate::refused(retriable_error("there is no such partition"));
  }

 private:
  int refused_ = 0;
};

TEST_F(PublisherTest, AsksAgainForTopicsThatWereJustMade) {
  broker_->set_faults(std::make_shared<UnheardOf>());
  auto publisher = open();
  ASSERT_TRUE(publisher.ok()) << publisher.status();
  const auto first = (*publisher)->publish(manifest("1", 0), "2");
  EXPECT_TRUE(first.ok()) << first.status();
}

TEST_F(PublisherTest, KeepsPlanAndReferences) {
  auto publisher = open();
  ASSERT_TRUE(publisher.ok()) << publisher.status();
  ModelManifest cleaned = manifest("1", 0);
  cleaned.cleaning = CleaningPlan{.columns = {{.name = "x", .steps = {clip(0, 9)}}}};
  cleaned.references = {drift_reference("x", std::vector<double>{1, 2, 2})};
  ASSERT_TRUE((*publisher)->publish(cleaned, "2").ok());
  ASSERT_TRUE((*publisher)->activate("m", "1", ModelRole::kChampion, ModelManifest::kWhole, 10).ok());
  const auto entries = (*publisher)->list("m");
  ASSERT_EQ(entries.size(), 2u);
  for (const Publisher::Entry& entry : entries) {
    EXPECT_EQ(entry.manifest.cleaning, cleaned.cleaning);
    EXPECT_EQ(entry.manifest.references, cleaned.references);
  }
  cleaned.version = "2";
  cleaned.cleaning->columns[0].name = "z";
  EXPECT_FALSE((*publisher)->publish(cleaned, "3").ok());
  EXPECT_EQ((*publisher)->list("m").size(), 2u);
}

TEST_F(PublisherTest, RefusesWhatWouldNotBeAdmitted) {
  auto publisher = open();
  ASSERT_TRUE(publisher.ok()) << publisher.status();
  EXPECT_FALSE((*publisher)->publish(manifest("1", 0), "no factor").ok());
  ModelManifest golden = manifest("1", 0);
  golden.golden = {{{2.0F}, {7.0F}}};
  EXPECT_FALSE((*publisher)->publish(golden, "3").ok());
  ASSERT_TRUE((*publisher)->publish(manifest("1", 0), "3").ok());
  EXPECT_EQ((*publisher)->publish(manifest("1", 0), "4").status().code(), absl::StatusCode::kAlreadyExists);
  EXPECT_EQ((*publisher)->activate("m", "7", ModelRole::kShadow, 1, 0).status().code(),
            absl::StatusCode::kNotFound);
  EXPECT_EQ((*publisher)->roll_back("m", 0).status().code(), absl::StatusCode::kNotFound);
  EXPECT_FALSE(
      (*publisher)->activate("m", "1", ModelRole::kChampion, 5, 0).ok());  // a champion with a weight
  EXPECT_EQ((*publisher)->list().size(), 1u);
}

TEST_F(PublisherTest, RemovesOnlyWhatIsNotInUse) {
  auto publisher = open();
  ASSERT_TRUE(publisher.ok()) << publisher.status();
  ASSERT_TRUE((*publisher)->publish(manifest("1", 0), "2").ok());
  ASSERT_TRUE((*publisher)->publish(manifest("2", 5), "3").ok());
  EXPECT_EQ((*publisher)->remove("m", "00000002").code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ((*publisher)->remove("m", "7").code(), absl::StatusCode::kNotFound);
  ASSERT_TRUE((*publisher)->remove("m", "00000001").ok());
  EXPECT_EQ(shown((*publisher)->list()), "00000002:2@5* ");
  // Ids are not used twice, or somebody could take one record for the other.
  EXPECT_EQ(*(*publisher)->publish(manifest("3", 9), "4"), "00000003");
}

TEST_F(PublisherTest, IsAlone) {
  auto first = open();
  ASSERT_TRUE(first.ok()) << first.status();
  ASSERT_TRUE((*first)->publish(manifest("1", 0), "2").ok());
  auto second = open();
  ASSERT_TRUE(second.ok()) << second.status();
  ASSERT_TRUE((*second)->publish(manifest("2", 5), "3").ok());
  EXPECT_FALSE((*first)->publish(manifest("3", 9), "4").ok());
  EXPECT_EQ(shown((*second)->list()), "00000001:1@0 00000002:2@5* ");
}

TEST_F(PublisherTest, NeedsTopicsOfOnePartition) {
  ASSERT_TRUE(broker_->create_topic("models", 3).ok());
  const auto publisher = open();
  EXPECT_NE(publisher.status().message().find("has 3 partitions"), std::string_view::npos)
      << publisher.status();
  EXPECT_FALSE(Publisher::open(transport_, {.registry = "a", .artifacts = "a"}).ok());
}

#ifdef WEIR_COMMAND
// What the program answers, and its exit code.
std::pair<int, std::string> weir_model(const std::string& arguments) {
  const std::string command = std::string(WEIR_COMMAND) + " model " + arguments + " 2>&1";
  std::FILE* const pipe = ::popen(command.c_str(), "r");
  std::string text;
  for (int c = std::fgetc(pipe); c != EOF; c = std::fgetc(pipe)) text.push_back(static_cast<char>(c));
  const int status = ::pclose(pipe);
  return {WIFEXITED(status) ? WEXITSTATUS(status) : -1, text};
}

TEST(ModelCommandTest, PublishesAFile) {
  const auto [code, text] = weir_model(
      "publish --bootstrap embedded: --name fraud --version 1 --role shadow --weight 500 " WEIR_FRAUD_MODEL);
  EXPECT_EQ(code, 0) << text;
  EXPECT_EQ(text, "published fraud version 1 as 00000001\n");
}

TEST(ModelCommandTest, TakesPlanAndReferencesFromAFile) {
  const std::string path = testing::TempDir() + "/weir-manifest-of-a-model.json";
  const auto publish = [&](const std::string& manifest) {
    std::ofstream(path) << manifest;
    return weir_model("publish --bootstrap embedded: --name fraud --version 1 --manifest " + path +
                      " " WEIR_FRAUD_MODEL);
  };
  const std::string reference = R"({"edges":[0,1],"counts":[5,5,0],"missing":0,"name":)";
  EXPECT_EQ(publish(R"({"references":[)" + reference + R"("card_present"}]})"),
            (std::pair<int, std::string>(0, "published fraud version 1 as 00000001\n")));
  const auto [code, text] = publish(R"({"cleaning":{"version":1,"columns":[{"name":"height"}]}})");
  EXPECT_EQ(code, 1);
  EXPECT_NE(text.find("makes 1 ('height'), the model takes"), std::string::npos) << text;
  EXPECT_EQ(publish(R"({"references":[)" + reference + R"("height"}]})").first, 1);
  EXPECT_EQ(publish(R"({"cleaning":{"columns":[]}})").first, 1);  // what version?
  std::remove(path.c_str());
}

TEST(ModelCommandTest, SaysWhatIsWrongWithItsUse) {
  EXPECT_EQ(weir_model("").first, 2);
  EXPECT_EQ(weir_model("publish --bootstrap embedded: --name fraud").first, 2);
  EXPECT_EQ(weir_model("publish --bootstrap embedded: --name f --version 1 --role boss x").first, 2);
  EXPECT_EQ(weir_model("publish --bootstrap embedded: --name f --version 1 /nowhere/model.json"),
            (std::pair<int, std::string>(1, "/nowhere/model.json: cannot be read\n")));
  EXPECT_EQ(
      weir_model("publish --bootstrap embedded: --name f --version 1 --effective-from soon " WEIR_FRAUD_MODEL)
          .first,
      1);
  EXPECT_EQ(weir_model("rollback --bootstrap embedded: --name f"),
            (std::pair<int, std::string>(1, "the model 'f' has no champion before the last one\n")));
  EXPECT_EQ(weir_model("list --help").first, 0);
}
#endif

}  // namespace
}  // namespace weir::ml
