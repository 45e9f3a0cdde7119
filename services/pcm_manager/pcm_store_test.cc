#include "services/pcm_manager/pcm_store.h"

#include <cstdint>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"

#include "common/status/status_matchers.h"
#include "services/pcm_manager/run_rules.h"
#include "services/pcm_manager/test_site.h"

namespace waybill::pcm_manager {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::StartsWith;

constexpr char kJob[] = "CEN00042";
constexpr char kHost[] = "NYC00017";

class PcmStoreTest : public testing::Test {
 protected:
  PcmStoreTest() {
    site_.AddWorkstation(kHost);
    site_.PutRow(kHost, 5);
  }

  // Grants a run under "r1" with the token "t1".
  void Grant() {
    site_.AddJob(kJob);
    site_.AddTarget(kJob, kHost, 3);
    ASSERT_THAT(store().StartRun(key_, "r1", "t1"), IsOk());
  }

  PcmStore& store() { return site_.store(); }

  const RunKey key_ = {.job_id = kJob, .sms_id = kHost};
  TestSite site_;
};

TEST_F(PcmStoreTest, KnowsItsSiteItsServersAndItsWorkstations) {
  site_.AddLogonServer("LOGON2");
  site_.AddLogonServer("LOGON1");
  site_.AddWorkstation("NYC00018", "LAB");
  EXPECT_EQ(store().GetSiteCode().value(), "NYC");
  EXPECT_THAT(store().ListLogonServers().value(),
              ElementsAre(LogonServer{"LOGON1", site_.Path("LOGON1")},
                          LogonServer{"LOGON2", site_.Path("LOGON2")}));
  EXPECT_TRUE(store().HasWorkstation(kHost).value());
  EXPECT_FALSE(store().HasWorkstation("NYC00018").value()) << "of a site below";
  EXPECT_FALSE(store().HasWorkstation("NYC99999").value());
}

TEST_F(PcmStoreTest, ListsWhatIsWrittenFromAMomentOnInBatches) {
  site_.PutRow("NYC00018", 1);
  site_.PutRow("NYC00019", 2);
  site_.database().Execute(
      "UPDATE waybill.pcm_definition SET change_time = now() - interval '1 hour' "
      "WHERE sms_id = 'NYC00018'");
  site_.database().Execute(
      "INSERT INTO waybill.pcm_definition (sms_id, domain) VALUES ('NYC00020', 'SALES')");
  const auto names = [](const std::vector<WrittenRow>& rows) {
    std::vector<std::string> sms_ids;
    for (const WrittenRow& row : rows) {
      sms_ids.push_back(absl::StrCat(row.sms_id, ":", row.written_version, ":", row.domain));
    }
    return sms_ids;
  };
  EXPECT_THAT(names(store().ListWritten(absl::InfinitePast(), "", 2).value()),
              ElementsAre("NYC00017:5:SALES", "NYC00018:1:SALES"));
  EXPECT_THAT(names(store().ListWritten(absl::InfinitePast(), "NYC00018", 2).value()),
              ElementsAre("NYC00019:2:SALES"));
  const PcmStore::Mark mark = store().ReadMark().value();
  EXPECT_THAT(names(store().ListWritten(mark.now - absl::Minutes(1), "", 9).value()),
              ElementsAre("NYC00017:5:SALES", "NYC00019:2:SALES"));
}

TEST_F(PcmStoreTest, MarksTheOldestDefinitionThatIsNotWrittenYet) {
  const PcmStore::Mark written = store().ReadMark().value();
  EXPECT_EQ(written.changes_after, written.now);
  site_.database().Execute(
      "UPDATE waybill.pcm_definition SET offer_version = 6, "
      "change_time = now() - interval '1 hour'");
  const PcmStore::Mark mark = store().ReadMark().value();
  EXPECT_LT(mark.changes_after, mark.now - absl::Minutes(59));
}

TEST_F(PcmStoreTest, LetsARowOvertakeANewerFile) {
  EXPECT_EQ(store().Overtake({{.sms_id = kHost, .offer_version = 9}}).value(), 1);
  EXPECT_EQ(site_.OfferVersion(kHost), "10");
  EXPECT_EQ(store().Overtake({{.sms_id = kHost, .offer_version = 9}}).value(), 0);
  EXPECT_EQ(site_.OfferVersion(kHost), "10");
}

TEST_F(PcmStoreTest, AcknowledgesWhatStoodInTheFileThatWasFetched) {
  site_.AddJob(kJob);
  site_.AddJob("CEN00043");
  site_.AddTarget(kJob, kHost, 2);
  site_.AddTarget("CEN00043", kHost, 4);
  EXPECT_EQ(store().Acknowledge({{.sms_id = kHost, .offer_version = 4}}).value(), 0)
      << "an older file, which may lack the offer";
  EXPECT_EQ(site_.Target("state", kJob, kHost), "2");
  EXPECT_EQ(store().Acknowledge({{.sms_id = kHost, .offer_version = 5}}).value(), 1);
  EXPECT_EQ(site_.Target("state", kJob, kHost), "3");
  EXPECT_EQ(site_.Target("state", "CEN00043", kHost), "4");
  EXPECT_EQ(store().Acknowledge({{.sms_id = kHost, .offer_version = 5}}).value(), 0);
}

TEST_F(PcmStoreTest, GrantsARunOnceAndRepeatsTheAnswer) {
  site_.AddJob(kJob);
  site_.AddTarget(kJob, kHost, 2);
  const RunGrant grant = store().StartRun(key_, "r1", "t1").value();
  EXPECT_EQ(grant.run_token, "t1");
  EXPECT_EQ(grant.attempt, 1);
  EXPECT_TRUE(grant.is_new);
  EXPECT_EQ(site_.Target("state", kJob, kHost), "4");
  EXPECT_EQ(site_.Target("attempt_count", kJob, kHost), "1");
  EXPECT_EQ(site_.Target("start_time IS NOT NULL", kJob, kHost), "true");

  const RunGrant repeat = store().StartRun(key_, "r1", "t2").value();
  EXPECT_EQ(repeat.run_token, "t1");
  EXPECT_EQ(repeat.attempt, 1);
  EXPECT_FALSE(repeat.is_new);
  EXPECT_EQ(site_.Target("attempt_count", kJob, kHost), "1");
}

struct Refused {
  std::string columns;  // Of the job.
  int state;
  absl::StatusCode code;
  std::string word;
};

TEST_F(PcmStoreTest, RefusesARunAndChangesNothing) {
  int number = 100;
  for (const Refused& refused : std::vector<Refused>{
           {"cancel_epoch = 1", 2, absl::StatusCode::kFailedPrecondition, "CANCELLED"},
           {"expires_after = now()", 3, absl::StatusCode::kFailedPrecondition, "EXPIRED"},
           {"offer_after = now() + interval '1 min'", 2, absl::StatusCode::kFailedPrecondition,
            "NOT_YET"},
           {"revision = 1", 1, absl::StatusCode::kFailedPrecondition, "NOT_YET"},
           {"revision = 1", 4, absl::StatusCode::kFailedPrecondition, "RUNNING"},
           {"revision = 1", 5, absl::StatusCode::kFailedPrecondition, "ALREADY_RUN"},
           {"revision = 1", 6, absl::StatusCode::kFailedPrecondition, "ALREADY_RUN"},
           {"revision = 1", 8, absl::StatusCode::kFailedPrecondition, "EXPIRED"},
           {"revision = 1", 11, absl::StatusCode::kFailedPrecondition, "WITHDRAWN"},
           {"command_name = '', offer_after = NULL", 2, absl::StatusCode::kNotFound, "job"}}) {
    const std::string job_id = absl::StrCat("CEN00", ++number);
    site_.AddJob(job_id, refused.columns);
    site_.AddTarget(job_id, kHost, refused.state);
    const auto granted = store().StartRun({.job_id = job_id, .sms_id = kHost}, "r1", "t1");
    EXPECT_THAT(granted, StatusIs(refused.code)) << refused.columns;
    EXPECT_THAT(std::string(granted.status().message()), StartsWith(refused.word));
    EXPECT_EQ(site_.Target("state", job_id, kHost), absl::StrCat(refused.state));
    EXPECT_EQ(site_.Target("run_token", job_id, kHost), "NULL");
  }
}

TEST_F(PcmStoreTest, KnowsNoOfferOfAnotherWorkstation) {
  site_.AddJob(kJob);
  site_.AddTarget(kJob, kHost, 3);
  EXPECT_THAT(store().StartRun({.job_id = kJob, .sms_id = "NYC00018"}, "r1", "t1"),
              StatusIs(absl::StatusCode::kNotFound));
  EXPECT_THAT(store().StartRun({.job_id = "CEN99999", .sms_id = kHost}, "r1", "t1"),
              StatusIs(absl::StatusCode::kNotFound));
}

TEST_F(PcmStoreTest, TakesAGrantBackThatIsAskedForAgainBehindACancel) {
  Grant();
  site_.database().Execute("UPDATE waybill.job SET cancel_epoch = 1");
  EXPECT_THAT(store().StartRun(key_, "r1", "t9"), StatusIs(absl::StatusCode::kFailedPrecondition));
  EXPECT_EQ(site_.Target("state", kJob, kHost), "11");
  EXPECT_THAT(site_.Target("reason", kJob, kHost), StartsWith("CANCELLED: "));
  EXPECT_EQ(site_.OfferVersion(kHost), "6");
}

TEST_F(PcmStoreTest, TakesAGrantBackThatIsAskedForAgainBehindExpiresAfter) {
  Grant();
  site_.database().Execute("UPDATE waybill.job SET expires_after = now()");
  EXPECT_THAT(store().StartRun(key_, "r1", "t9"), StatusIs(absl::StatusCode::kFailedPrecondition));
  EXPECT_EQ(site_.Target("state", kJob, kHost), "8");
  EXPECT_THAT(site_.Target("reason", kJob, kHost), StartsWith("EXPIRED: "));
  EXPECT_EQ(site_.OfferVersion(kHost), "6");
}

TEST_F(PcmStoreTest, RecordsTheFirstResultAndNoOther) {
  Grant();
  const RunResult good = {.end = RunEnd::kExited,
                          .exit_code = 3010,
                          .output = "it's done; DROP TABLE",
                          .run_duration = absl::Milliseconds(1500)};
  EXPECT_TRUE(store().PutResult(key_, "t1", good).value());
  EXPECT_EQ(site_.Target("state", kJob, kHost), "5");
  EXPECT_EQ(site_.Target("exit_code", kJob, kHost), "3010");
  EXPECT_EQ(site_.Target("output", kJob, kHost), "it's done; DROP TABLE");
  EXPECT_EQ(site_.Target("extract(epoch FROM run_duration)", kJob, kHost), "1.500000");
  EXPECT_EQ(site_.OfferVersion(kHost), "6") << "the offer is to leave the file";

  EXPECT_FALSE(store().PutResult(key_, "t1", good).value());
  const RunResult bad = {.end = RunEnd::kExited, .exit_code = 1, .output = "no"};
  EXPECT_FALSE(store().PutResult(key_, "t1", bad).value());
  EXPECT_EQ(site_.Target("state", kJob, kHost), "5");
  EXPECT_EQ(site_.Target("output", kJob, kHost), "it's done; DROP TABLE");
  EXPECT_EQ(site_.OfferVersion(kHost), "6");
}

TEST_F(PcmStoreTest, KeepsNoExitCodeWhereThereWasNone) {
  Grant();
  EXPECT_TRUE(store().PutResult(key_, "t1", {.end = RunEnd::kTimedOut}).value());
  EXPECT_EQ(site_.Target("state", kJob, kHost), "7");
  EXPECT_EQ(site_.Target("exit_code", kJob, kHost), "NULL");
  EXPECT_EQ(site_.Target("run_duration", kJob, kHost), "NULL");
}

TEST_F(PcmStoreTest, BelievesAWorkstationsClockOnlyWithinTheRun) {
  Grant();
  RunResult result = {.end = RunEnd::kExited};
  result.start_time = absl::FromUnixSeconds(0);
  ASSERT_TRUE(store().PutResult(key_, "t1", result).value());
  EXPECT_EQ(site_.Target("start_time > now() - interval '1 hour'", kJob, kHost), "true");
}

TEST_F(PcmStoreTest, TakesNoResultWithoutItsToken) {
  Grant();
  EXPECT_THAT(store().PutResult(key_, "t2", {.end = RunEnd::kExited}),
              StatusIs(absl::StatusCode::kNotFound));
  EXPECT_THAT(
      store().PutResult({.job_id = kJob, .sms_id = "NYC00018"}, "t1", {.end = RunEnd::kExited}),
      StatusIs(absl::StatusCode::kNotFound))
      << "another workstation with a stolen token";
  EXPECT_EQ(site_.Target("state", kJob, kHost), "4");
}

}  // namespace
}  // namespace waybill::pcm_manager
