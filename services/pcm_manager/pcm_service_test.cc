#include "services/pcm_manager/pcm_service.h"

#include <memory>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"

#include "common/model/proto_time.h"
#include "common/rpc/call_context.h"
#include "common/rpc/identity.h"
#include "common/status/status_matchers.h"
#include "common/thread/executor.h"
#include "services/pcm_manager/acknowledge_loop.h"
#include "services/pcm_manager/test_site.h"

#include "waybill/pcm/v1/pcm_service.pb.h"

namespace waybill::pcm_manager {
namespace {

using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

constexpr char kJob[] = "CEN00042";
constexpr char kHost[] = "NYC00017";
constexpr char kOther[] = "NYC00018";

class PcmServiceTest : public testing::Test {
 protected:
  PcmServiceTest() {
    site_.AddLogonServer("LOGON1");
    site_.AddWorkstation(kHost);
    site_.AddWorkstation(kOther);
  }

  static rpc::Identity Workstation(const std::string& sms_id) {
    return {rpc::Role::kWorkstation, "NYC", sms_id};
  }

  absl::StatusOr<pcm::v1::PollResponse> PollAs(const rpc::Identity& identity,
                                               std::int64_t known = 0) {
    pcm::v1::PollRequest request;
    request.set_known_offer_version(known);
    const rpc::CallContext call(identity);
    return service_.AnswerPoll(request, call);
  }

  absl::StatusOr<pcm::v1::StartRunResponse> StartAs(const rpc::Identity& identity,
                                                    const std::string& job_id,
                                                    const std::string& run_id = "r1") {
    pcm::v1::StartRunRequest request;
    request.set_job_id(job_id);
    request.set_run_id(run_id);
    const rpc::CallContext call(identity);
    return service_.AnswerStartRun(request, call);
  }

  absl::StatusOr<pcm::v1::ReportResultResponse> ReportAs(
      const rpc::Identity& identity, const pcm::v1::ReportResultRequest& request) {
    const rpc::CallContext call(identity);
    return service_.AnswerReportResult(request, call);
  }

  static pcm::v1::ReportResultRequest Result(const std::string& run_token) {
    pcm::v1::ReportResultRequest request;
    request.set_job_id(kJob);
    request.set_run_token(run_token);
    request.set_outcome(pcm::v1::RUN_OUTCOME_EXITED);
    return request;
  }

  TestSite site_;
  std::unique_ptr<ReplicateLoop> loop_ = site_.MakeLoop();
  AcknowledgeLoop acknowledge_ = AcknowledgeLoop(
      site_.store(), [this](absl::string_view channel) { site_.Notify(channel); },
      absl::Seconds(1));
  bool has_room_ = true;
  Executor calls_ = Executor(1, 1);
  const absl::Time now_ = absl::FromUnixSeconds(1'800'000'000);
  PcmService service_ =
      PcmService({.site_code = "NYC",
                  .pcm_poll_interval = absl::Hours(1),
                  .served = site_.served(),
                  .store = site_.store(),
                  .calls = calls_,
                  .acknowledge =
                      [this](const std::string& sms_id, std::int64_t version) {
                        return has_room_ && acknowledge_.Add(sms_id, version);
                      },
                  .notify = [this](absl::string_view channel) { site_.Notify(channel); },
                  .server_now = [this] { return now_; }});
};

TEST_F(PcmServiceTest, HandsOutTheFileUnlessItIsTheKnownOne) {
  site_.WriteDefinition(kHost, 3);
  ASSERT_THAT(loop_->RunOnce(), IsOk());
  const pcm::v1::PollResponse first = PollAs(Workstation(kHost)).value();
  EXPECT_EQ(first.offer_version(), 3);
  EXPECT_EQ(first.definition(), TestSite::Encode(kHost, 3));
  EXPECT_EQ(model::FromProto("server_time", first.server_time()).value(), now_);
  EXPECT_GE(first.next_poll_after().seconds(), 54 * 60);

  const pcm::v1::PollResponse current = PollAs(Workstation(kHost), 3).value();
  EXPECT_EQ(current.offer_version(), 3);
  EXPECT_THAT(current.definition(), IsEmpty());
  EXPECT_EQ(PollAs(Workstation(kHost), 8).value().definition(), TestSite::Encode(kHost, 3))
      << "from before the site's database was restored";
}

TEST_F(PcmServiceTest, AnswersAWorkstationWithoutOffersAndRefusesAnUnknownOne) {
  const pcm::v1::PollResponse answer = PollAs(Workstation(kHost)).value();
  EXPECT_EQ(answer.offer_version(), 0);
  EXPECT_THAT(answer.definition(), IsEmpty());
  EXPECT_THAT(PollAs(Workstation("NYC99999")), StatusIs(absl::StatusCode::kNotFound));
  EXPECT_THAT(PollAs(Workstation("..")), StatusIs(absl::StatusCode::kNotFound));
}

TEST_F(PcmServiceTest, APollNeedsNoDatabaseOnceTheWorkstationIsKnown) {
  site_.WriteDefinition(kHost, 3);
  ASSERT_THAT(loop_->RunOnce(), IsOk());
  ASSERT_THAT(PollAs(Workstation(kOther)), IsOk());
  ASSERT_THAT(jobdb::TestDatabase::Server().Stop(), IsOk());
  EXPECT_THAT(PollAs(Workstation(kHost), 0), IsOk());
  EXPECT_THAT(PollAs(Workstation(kHost), 3), IsOk());
  EXPECT_THAT(PollAs(Workstation(kOther), 0), IsOk());
  EXPECT_THAT(PollAs(Workstation("NYC99999")), StatusIs(absl::StatusCode::kUnavailable));
  ASSERT_THAT(jobdb::TestDatabase::Server().Start(), IsOk());
}

TEST_F(PcmServiceTest, AcknowledgesInBatchesWhoFetchedAFile) {
  site_.AddJob(kJob);
  site_.AddTarget(kJob, kHost, 2);
  site_.AddTarget(kJob, kOther, 2);
  site_.WriteDefinition(kHost, 3);
  site_.WriteDefinition(kOther, 1);
  ASSERT_THAT(loop_->RunOnce(), IsOk());
  ASSERT_THAT(PollAs(Workstation(kHost), 0), IsOk());
  EXPECT_THAT(acknowledge_.RunOnce(), IsOk());
  EXPECT_EQ(site_.Target("state", kJob, kHost), "2") << "the answer may have been lost";
  ASSERT_THAT(PollAs(Workstation(kHost), 3), IsOk());
  EXPECT_EQ(site_.Target("state", kJob, kHost), "2") << "polls write nothing themselves";
  EXPECT_THAT(acknowledge_.RunOnce(), IsOk());
  EXPECT_EQ(site_.Target("state", kJob, kHost), "3");
  EXPECT_EQ(site_.Target("state", kJob, kOther), "2");
  EXPECT_THAT(site_.TakeNotified(), UnorderedElementsAre("waybill_job", "waybill_outbox"));

  ASSERT_THAT(PollAs(Workstation(kOther), 1), IsOk()) << "it has the file from before our start";
  EXPECT_THAT(acknowledge_.RunOnce(), IsOk());
  EXPECT_EQ(site_.Target("state", kJob, kOther), "3");
  EXPECT_THAT(acknowledge_.RunOnce(), IsOk());
}

TEST_F(PcmServiceTest, KeepsAcknowledgementsWhileTheDatabaseIsAway) {
  site_.AddJob(kJob);
  site_.AddTarget(kJob, kHost, 2);
  site_.WriteDefinition(kHost, 3);
  ASSERT_THAT(loop_->RunOnce(), IsOk());
  ASSERT_THAT(jobdb::TestDatabase::Server().Stop(), IsOk());
  ASSERT_THAT(PollAs(Workstation(kHost), 3), IsOk());
  EXPECT_THAT(acknowledge_.RunOnce(), StatusIs(absl::StatusCode::kUnavailable));
  ASSERT_THAT(jobdb::TestDatabase::Server().Start(), IsOk());
  EXPECT_THAT(acknowledge_.RunOnce(), IsOk());
  EXPECT_EQ(site_.Target("state", kJob, kHost), "3");
}

TEST_F(PcmServiceTest, TakesAtALaterPollWhatDidNotFitIntoABatch) {
  AcknowledgeLoop small(
      site_.store(), [](absl::string_view /*channel*/) {}, absl::Seconds(1),
      /*pending_max=*/1);
  EXPECT_TRUE(small.Add(kHost, 3));
  EXPECT_TRUE(small.Add(kHost, 4)) << "it is waiting already";
  EXPECT_FALSE(small.Add(kOther, 1));

  site_.AddJob(kJob);
  site_.AddTarget(kJob, kHost, 2);
  site_.WriteDefinition(kHost, 3);
  ASSERT_THAT(loop_->RunOnce(), IsOk());
  has_room_ = false;
  ASSERT_THAT(PollAs(Workstation(kHost), 3), IsOk());
  has_room_ = true;
  ASSERT_THAT(PollAs(Workstation(kHost), 3), IsOk());
  EXPECT_THAT(acknowledge_.RunOnce(), IsOk());
  EXPECT_EQ(site_.Target("state", kJob, kHost), "3");
}

TEST_F(PcmServiceTest, OnlyWorkstationsOfThisSiteMayAsk) {
  for (const rpc::Identity& identity :
       {rpc::Identity{rpc::Role::kWorkstation, "BOS", kHost},
        rpc::Identity{rpc::Role::kService, "NYC", "scheduler"},
        rpc::Identity{rpc::Role::kAdmin, "", kHost}, rpc::Identity{}}) {
    EXPECT_THAT(PollAs(identity), StatusIs(absl::StatusCode::kPermissionDenied));
    EXPECT_THAT(StartAs(identity, kJob), StatusIs(absl::StatusCode::kPermissionDenied));
    EXPECT_THAT(ReportAs(identity, Result("t")), StatusIs(absl::StatusCode::kPermissionDenied));
  }
}

TEST_F(PcmServiceTest, AWorkstationActsOnlyForItself) {
  site_.AddJob(kJob);
  site_.AddTarget(kJob, kHost, 3);
  EXPECT_THAT(StartAs(Workstation(kOther), kJob), StatusIs(absl::StatusCode::kNotFound));
  const std::string token = StartAs(Workstation(kHost), kJob).value().run_token();
  EXPECT_THAT(ReportAs(Workstation(kOther), Result(token)), StatusIs(absl::StatusCode::kNotFound));
  EXPECT_EQ(site_.Target("state", kJob, kHost), "4");
}

TEST_F(PcmServiceTest, GrantsARunTakesItsResultAndSaysSo) {
  site_.AddJob(kJob);
  site_.AddTarget(kJob, kHost, 3);
  site_.PutRow(kHost, 1);
  const pcm::v1::StartRunResponse grant = StartAs(Workstation(kHost), kJob).value();
  EXPECT_EQ(grant.attempt(), 1);
  EXPECT_EQ(grant.run_token(), StartAs(Workstation(kHost), kJob).value().run_token());
  EXPECT_THAT(site_.TakeNotified(), UnorderedElementsAre("waybill_job", "waybill_outbox"));

  pcm::v1::ReportResultRequest result = Result(grant.run_token());
  result.set_output(std::string(5000, 'x') + "\xc3\xa9");
  result.mutable_run_duration()->set_seconds(3);
  EXPECT_THAT(ReportAs(Workstation(kHost), result), IsOk());
  EXPECT_EQ(site_.Target("state", kJob, kHost), "5");
  EXPECT_EQ(site_.Target("length(output)", kJob, kHost), "4096");
  EXPECT_THAT(site_.TakeNotified(),
              UnorderedElementsAre("waybill_definition", "waybill_job", "waybill_outbox"));
  EXPECT_THAT(ReportAs(Workstation(kHost), result), IsOk());
  EXPECT_THAT(site_.TakeNotified(), IsEmpty()) << "a repeat changes nothing";
  EXPECT_THAT(StartAs(Workstation(kHost), kJob, "r2"),
              StatusIs(absl::StatusCode::kFailedPrecondition));
}

TEST_F(PcmServiceTest, CountsAnOutcomeOfANewerAgentAsUnknown) {
  site_.AddJob(kJob);
  site_.AddTarget(kJob, kHost, 3);
  pcm::v1::ReportResultRequest result =
      Result(StartAs(Workstation(kHost), kJob).value().run_token());
  result.set_outcome(static_cast<pcm::v1::RunOutcome>(99));
  EXPECT_THAT(ReportAs(Workstation(kHost), result), IsOk());
  EXPECT_EQ(site_.Target("state", kJob, kHost), "12");
}

TEST_F(PcmServiceTest, NamesTheFieldThatIsWrong) {
  const auto is_bad = [](const auto& result) { return absl::IsInvalidArgument(result.status()); };
  EXPECT_TRUE(is_bad(StartAs(Workstation(kHost), "'; DROP TABLE job")));
  EXPECT_TRUE(is_bad(StartAs(Workstation(kHost), kJob, "")));
  EXPECT_TRUE(is_bad(StartAs(Workstation(kHost), kJob, std::string(1000, 'r'))));
  EXPECT_TRUE(is_bad(ReportAs(Workstation(kHost), Result(""))));
  EXPECT_TRUE(is_bad(ReportAs(Workstation(kHost), Result(std::string(1000, 't')))));
  pcm::v1::ReportResultRequest negative = Result("t");
  negative.mutable_run_duration()->set_seconds(-1);
  EXPECT_TRUE(is_bad(ReportAs(Workstation(kHost), negative)));
  pcm::v1::ReportResultRequest bad_time = Result("t");
  bad_time.mutable_start_time()->set_nanos(-5);
  EXPECT_TRUE(is_bad(ReportAs(Workstation(kHost), bad_time)));
}

}  // namespace
}  // namespace waybill::pcm_manager
