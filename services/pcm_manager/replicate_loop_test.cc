#include "services/pcm_manager/replicate_loop.h"

#include <memory>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/time/time.h"

#include "common/status/status_matchers.h"
#include "services/pcm_manager/definition_files.h"
#include "services/pcm_manager/test_site.h"

namespace waybill::pcm_manager {
namespace {

using ::testing::Contains;

constexpr char kHost[] = "NYC00017";
constexpr char kOther[] = "NYC00018";

class ReplicateLoopTest : public testing::Test {
 protected:
  void RunOnce() { EXPECT_THAT(loop_->RunOnce(), IsOk()); }

  std::int64_t ServedVersion(const std::string& sms_id) {
    const DefinitionPointer file = site_.served().Poll(sms_id, 0).file;
    return file == nullptr ? 0 : file->offer_version;
  }

  TestSite site_;
  std::unique_ptr<ReplicateLoop> loop_ = site_.MakeLoop();
};

TEST_F(ReplicateLoopTest, CopiesEveryFileToEveryServerAndThenAnswersPollsWithIt) {
  site_.AddLogonServer("LOGON1");
  site_.AddLogonServer("LOGON2");
  site_.WriteDefinition(kHost, 1);
  site_.WriteDefinition(kOther, 7);
  EXPECT_EQ(ServedVersion(kHost), 0);
  RunOnce();
  for (const char* server : {"LOGON1", "LOGON2"}) {
    EXPECT_EQ(site_.StandingVersion(server, kHost), 1);
    EXPECT_EQ(site_.StandingVersion(server, kOther), 7);
  }
  EXPECT_EQ(ServedVersion(kHost), 1);
  EXPECT_EQ(site_.served().Poll(kOther, 0).file->bytes, TestSite::Encode(kOther, 7));
}

TEST_F(ReplicateLoopTest, CopiesWhatChangedSinceTheLastPass) {
  site_.AddLogonServer("LOGON1");
  site_.WriteDefinition(kHost, 1);
  RunOnce();
  site_.WriteDefinition(kHost, 2);
  site_.WriteDefinition(kOther, 1);
  RunOnce();
  EXPECT_EQ(site_.StandingVersion("LOGON1", kHost), 2);
  EXPECT_EQ(ServedVersion(kHost), 2);
  EXPECT_EQ(ServedVersion(kOther), 1);
}

TEST_F(ReplicateLoopTest, SeesAFileThatWasWrittenLongAfterItsRowChanged) {
  site_.AddLogonServer("LOGON1");
  site_.WriteDefinition(kOther, 1);
  site_.database().Execute(
      "INSERT INTO waybill.pcm_definition (sms_id, domain, change_time) "
      "VALUES ('NYC00017', 'SALES', now() - interval '1 day')");
  RunOnce();
  site_.WriteMaster(kHost, TestSite::Encode(kHost, 1));
  site_.database().Execute(
      "UPDATE waybill.pcm_definition SET written_version = offer_version WHERE sms_id = "
      "'NYC00017'");
  RunOnce();
  EXPECT_EQ(ServedVersion(kHost), 1);
}

TEST_F(ReplicateLoopTest, OffersNothingWithoutALogonServerAndCatchesUpOnceThereIsOne) {
  site_.WriteDefinition(kHost, 3);
  RunOnce();
  EXPECT_EQ(ServedVersion(kHost), 0);
  site_.AddLogonServer("LOGON1");
  RunOnce();
  EXPECT_EQ(site_.StandingVersion("LOGON1", kHost), 3);
  EXPECT_EQ(ServedVersion(kHost), 3);
  site_.database().Execute("DELETE FROM waybill.logon_server");
  RunOnce();
  EXPECT_EQ(ServedVersion(kHost), 0);
}

TEST_F(ReplicateLoopTest, AServerThatIsAwayHoldsUpNoOtherAndGetsEverythingOnceItIsBack) {
  site_.AddLogonServer("LOGON1");
  site_.AddLogonServer("LOGON2");
  site_.WriteDefinition(kHost, 1);
  RunOnce();
  ASSERT_THAT(site_.root().Rename("LOGON2", site_.root(), "gone"), IsOk());
  site_.WriteDefinition(kHost, 2);
  site_.WriteDefinition(kOther, 1);
  RunOnce();
  EXPECT_EQ(site_.StandingVersion("LOGON1", kHost), 2);
  EXPECT_EQ(ServedVersion(kHost), 2);
  EXPECT_FALSE(site_.root().Exists("LOGON2").value()) << "it is not ours to make";

  ASSERT_THAT(site_.root().Rename("gone", site_.root(), "LOGON2"), IsOk());
  RunOnce();
  EXPECT_EQ(site_.StandingVersion("LOGON2", kHost), 1) << "its back-off is not over";
  site_.clock().Advance(absl::Minutes(2));
  RunOnce();
  EXPECT_EQ(site_.StandingVersion("LOGON2", kHost), 2);
  EXPECT_EQ(site_.StandingVersion("LOGON2", kOther), 1);
}

TEST_F(ReplicateLoopTest, FillsAServerWhoseDirectoryWasReplaced) {
  site_.AddLogonServer("LOGON1");
  site_.WriteDefinition(kHost, 1);
  RunOnce();
  ASSERT_THAT(site_.root().Rename("LOGON1", site_.root(), "old"), IsOk());
  ASSERT_THAT(site_.root().MakeDirectory("LOGON1"), IsOk());
  RunOnce();
  EXPECT_EQ(site_.StandingVersion("LOGON1", kHost), 1);
}

TEST_F(ReplicateLoopTest, MendsADamagedFileWhenEverythingIsCompared) {
  site_.AddLogonServer("LOGON1");
  site_.WriteDefinition(kHost, 1);
  RunOnce();
  const std::string path = "LOGON1/logon.srv/pcmins.box/NYC00017.ins";
  ASSERT_THAT(site_.root().WriteFile(path, "WAYBILL-PCM 1 NYC00017 9 0 0\n"), IsOk());
  RunOnce();
  site_.clock().Advance(absl::Minutes(10));
  RunOnce();
  EXPECT_EQ(site_.root().ReadFile(path, 1 << 20).value(), TestSite::Encode(kHost, 1));
}

TEST_F(ReplicateLoopTest, NeverReplacesANewerFileAndLetsItsRowOvertakeIt) {
  site_.AddLogonServer("LOGON1");
  ASSERT_THAT(site_.root().MakeDirectories("LOGON1/logon.srv/pcmins.box"), IsOk());
  ASSERT_THAT(site_.root().WriteFile("LOGON1/logon.srv/pcmins.box/NYC00017.ins",
                                     TestSite::Encode(kHost, 9)),
              IsOk());
  site_.WriteDefinition(kHost, 3);
  RunOnce();
  EXPECT_EQ(site_.StandingVersion("LOGON1", kHost), 9);
  EXPECT_EQ(site_.OfferVersion(kHost), "10");
  EXPECT_THAT(site_.TakeNotified(), Contains("waybill_definition"));
  site_.WriteDefinition(kHost, 10);
  RunOnce();
  EXPECT_EQ(site_.StandingVersion("LOGON1", kHost), 10);
}

TEST_F(ReplicateLoopTest, SkipsABrokenMasterFileAndTakesItOnceItIsMended) {
  site_.AddLogonServer("LOGON1");
  site_.WriteDefinition(kOther, 1);
  site_.PutRow(kHost, 4);
  RunOnce();  // Missing.
  EXPECT_EQ(ServedVersion(kOther), 1);
  site_.WriteMaster(kHost, TestSite::Encode(kHost, 4).substr(0, 20));
  RunOnce();
  EXPECT_EQ(ServedVersion(kHost), 0);
  site_.WriteMaster(kHost, TestSite::Encode(kOther, 4));
  RunOnce();
  EXPECT_EQ(ServedVersion(kHost), 0) << "the file of another workstation";
  site_.WriteMaster(kHost, TestSite::Encode(kHost, 3));
  RunOnce();
  EXPECT_EQ(ServedVersion(kHost), 0) << "older than its row";
  site_.WriteMaster(kHost, TestSite::Encode(kHost, 4));
  RunOnce();
  EXPECT_EQ(ServedVersion(kHost), 4);
  EXPECT_EQ(site_.StandingVersion("LOGON1", kHost), 4);
}

TEST_F(ReplicateLoopTest, WaitsUntilAFileIsRecorded) {
  site_.AddLogonServer("LOGON1");
  site_.WriteDefinition(kHost, 1);
  site_.database().Execute("UPDATE waybill.pcm_definition SET offer_version = 2");
  site_.WriteMaster(kHost, TestSite::Encode(kHost, 2));
  RunOnce();
  EXPECT_EQ(ServedVersion(kHost), 0) << "its offers may not be OFFERED yet";
  site_.database().Execute("UPDATE waybill.pcm_definition SET written_version = 2");
  RunOnce();
  EXPECT_EQ(ServedVersion(kHost), 2);
}

TEST_F(ReplicateLoopTest, AStartAnewFindsWhatStandsAndRemovesWhatADeadWriterLeft) {
  site_.AddLogonServer("LOGON1");
  site_.WriteDefinition(kHost, 1);
  RunOnce();
  const std::string rest = "LOGON1/logon.srv/pcmins.box/.waybill-tmp-0123456789abcdef";
  ASSERT_THAT(site_.root().WriteFile(rest, "half"), IsOk());
  TestSite& site = site_;
  MasterFiles masters;
  ServedFiles served;
  ReplicateLoop again(site.Path("site"), masters,
                      {.masters = masters,
                       .served = served,
                       .store = site.store(),
                       .clock = site.clock(),
                       .notify = [](absl::string_view) {},
                       .random = [] { return 0.0; }},
                      {});
  EXPECT_THAT(again.RunOnce(), IsOk());
  EXPECT_EQ(served.Poll(kHost, 0).file->offer_version, 1);
  EXPECT_FALSE(site_.root().Exists(rest).value());
}

TEST_F(ReplicateLoopTest, RefusesADomainThatIsNoName) {
  site_.AddLogonServer("LOGON1");
  site_.WriteDefinition(kHost, 1);
  site_.database().Execute("UPDATE waybill.pcm_definition SET domain = '../../etc'");
  RunOnce();
  EXPECT_EQ(ServedVersion(kHost), 0);
}

}  // namespace
}  // namespace waybill::pcm_manager
