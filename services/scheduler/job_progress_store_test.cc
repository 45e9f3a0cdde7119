#include "services/scheduler/job_progress_store.h"

#include <optional>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"

#include "common/model/proto_time.h"
#include "common/status/status_matchers.h"
#include "services/scheduler/job_rules.h"
#include "services/scheduler/job_store.h"
#include "services/scheduler/site_fixture_test.h"

#include "waybill/job/v1/job.pb.h"

namespace waybill::scheduler {
namespace {

using job::v1::JobSpec;
using job::v1::JobState;
using ::testing::StartsWith;

constexpr absl::Duration kLease = absl::Seconds(15);
constexpr char kCancel[] = "CANCELLED: x";

class ActivationTest : public ::testing::Test {
 protected:
  ActivationTest() {
    site_.AddVersion('a');
    site_.AddWorkstations();
  }

  std::string Submit(const JobSpec& spec) {
    const auto job = jobs_.Submit(std::to_string(++requests_), spec);
    EXPECT_THAT(job, IsOk());
    return job.ok() ? job->job_id() : "";
  }

  ClaimedJob Claim() {
    const auto claimed = store_.ClaimDue(kLease);
    EXPECT_THAT(claimed, IsOk());
    EXPECT_TRUE(claimed.ok() && claimed->has_value());
    return claimed.ok() && claimed->has_value() ? **claimed : ClaimedJob();
  }

  bool NothingIsDue() { return !store_.ClaimDue(kLease)->has_value(); }

  // Submits and activates.
  JobState Activate(const JobSpec& spec) {
    Submit(spec);
    const auto state = store_.Activate(Claim(), SiteFixture::Version('a'));
    EXPECT_THAT(state, IsOk());
    return state.value_or(job::v1::JOB_STATE_UNSPECIFIED);
  }

  std::string Targets() const {
    return site_.Joined("SELECT sms_id FROM waybill.job_target ORDER BY sms_id");
  }
  std::string Sites() const {
    return site_.Joined("SELECT site_code || send_state FROM waybill.job_site ORDER BY site_code");
  }
  std::string Sends() const {
    return site_.Joined(
        "SELECT site_code || CASE WHEN version IS NULL THEN '-' ELSE '+' END FROM "
        "waybill.send_request"
        " WHERE revision = 1 AND with_targets ORDER BY site_code");
  }

  SiteFixture site_;
  JobStore jobs_{*site_.database};
  JobProgressStore store_{*site_.database};
  int requests_ = 0;
};

TEST_F(ActivationTest, ClaimsOnlyWhatIsDueUrgentFirstAndOnce) {
  JobSpec later = ShareSpec({"NYC"});
  *later.mutable_start_after() = model::ToProto(absl::FromUnixSeconds(4'000'000'000));
  *later.mutable_deadline() = model::ToProto(absl::FromUnixSeconds(4'000'001'000));
  Submit(later);
  EXPECT_TRUE(NothingIsDue());
  EXPECT_GT(*store_.UntilNextDue(), absl::Hours(1));
  Submit(ShareSpec({"NYC"}));
  JobSpec urgent = ShareSpec({"NYC"});
  urgent.set_priority(job::v1::PRIORITY_HIGH);
  Submit(urgent);
  EXPECT_EQ(Claim().job_id, "CEN00003");
  EXPECT_EQ(Claim().job_id, "CEN00002");
  EXPECT_TRUE(NothingIsDue());
  EXPECT_LE(*store_.UntilNextDue(), kLease);
}

TEST_F(ActivationTest, NothingPendingIsNeverDue) {
  EXPECT_EQ(*store_.UntilNextDue(), absl::InfiniteDuration());
}

TEST_F(ActivationTest, ADeadActivationIsTakenOverAndDoneOnce) {
  Submit(RunSpec("NYC|*|*"));
  const ClaimedJob dead = Claim();
  EXPECT_THAT(store_.RenewLease(dead.job_id, dead.fence, kLease), IsOk());
  EXPECT_TRUE(NothingIsDue());
  site_.db.Execute("UPDATE waybill.job SET lease_end_time = now() - interval '1 s'");
  const ClaimedJob heir = Claim();
  EXPECT_GT(heir.fence, dead.fence);
  EXPECT_THAT(store_.Activate(heir, SiteFixture::Version('a')), IsOk());
  constexpr auto kLost = absl::StatusCode::kFailedPrecondition;
  EXPECT_THAT(store_.Activate(dead, SiteFixture::Version('a')), StatusIs(kLost));
  EXPECT_THAT(store_.RenewLease(dead.job_id, dead.fence, kLease), StatusIs(kLost));
  EXPECT_THAT(store_.Delay(dead, kLease, "x"), StatusIs(kLost));
  EXPECT_THAT(store_.Fail(dead, "x"), StatusIs(kLost));
  EXPECT_EQ(Sends(), "NYC+");
}

TEST_F(ActivationTest, ADelayedJobSaysWhyAndComesBack) {
  Submit(RunSpec("NYC|*|*"));
  EXPECT_THAT(store_.Delay(Claim(), absl::Minutes(1), "IMPORT_FAILED: busy"), IsOk());
  EXPECT_TRUE(NothingIsDue());
  EXPECT_EQ(jobs_.Get("CEN00001")->reason(), "IMPORT_FAILED: busy");
  site_.db.Execute("UPDATE waybill.job SET lease_end_time = now()");
  EXPECT_THAT(store_.Fail(Claim(), "IMPORT_FAILED: gone"), IsOk());
  EXPECT_EQ(jobs_.Get("CEN00001")->state(), job::v1::JOB_STATE_FAILED);
}

TEST_F(ActivationTest, FindsTheNewestVersion) {
  site_.AddVersion('b');
  EXPECT_EQ(*store_.FindNewestVersion("CEN00001"), SiteFixture::Version('b'));
  EXPECT_EQ(*store_.FindNewestVersion("CEN00002"), std::nullopt);
}

TEST_F(ActivationTest, FreezesAPathAndQueuesOneSendForEachNeighbour) {
  EXPECT_EQ(Activate(RunSpec("*|SALES|*")), job::v1::JOB_STATE_ACTIVE);
  EXPECT_EQ(Targets(), "BOS00001 LAB00001 NYC00001 NYC00002");
  EXPECT_EQ(Sites(), "BOS2 LAB1 NYC2");  // LAB is BOS's to queue.
  EXPECT_EQ(Sends(), "BOS+ NYC+");
  const job::v1::Job job = *jobs_.Get("CEN00001");
  EXPECT_EQ(job.spec().version(), SiteFixture::Version('a'));
  EXPECT_TRUE(job.has_activate_time());
}

TEST_F(ActivationTest, ReachesADeepSiteThroughItsParent) {
  Activate(RunSpec("LAB|*|*"));
  EXPECT_EQ(Sites(), "LAB1");
  EXPECT_EQ(Sends(), "BOS+");
}

TEST_F(ActivationTest, FreezesAListWithoutItsRepeats) {
  JobSpec spec = RunSpec("");
  for (const char* sms_id : {"NYC00003", "LAB00001", "NYC00003"}) {
    spec.mutable_target()->mutable_workstations()->add_sms_ids(sms_id);
  }
  Activate(spec);
  EXPECT_EQ(Targets(), "LAB00001 NYC00003");
}

TEST_F(ActivationTest, FreezesAGroup) {
  site_.db.Execute(
      "INSERT INTO waybill.machine_group VALUES ('PCs', 1);"
      "INSERT INTO waybill.machine_group_member VALUES ('PCs', 'NYC00001'), ('PCs', 'BOS00001')");
  JobSpec spec = RunSpec("");
  spec.mutable_target()->set_machine_group("PCs");
  Activate(spec);
  EXPECT_EQ(Targets(), "BOS00001 NYC00001");
}

TEST_F(ActivationTest, ALaterWorkstationDoesNotJoinAFrozenTarget) {
  Activate(RunSpec("LAB|*|*"));
  site_.AddWorkstation("LAB00002", "SALES", "pc9");
  EXPECT_EQ(Targets(), "LAB00001");
}

TEST_F(ActivationTest, AShareJobGoesToSitesThisOneIncluded) {
  Activate(ShareSpec({"CEN", "LAB"}));
  EXPECT_EQ(Sites(), "CEN2 LAB1");
  EXPECT_EQ(Sends(), "BOS+ CEN+");
  EXPECT_EQ(Targets(), "");
}

TEST_F(ActivationTest, AShareJobTakesAllSitesOrThatOfAPath) {
  Activate(ShareSpec({"*"}));
  EXPECT_EQ(Sites(), "BOS2 CEN2 LAB1 NYC2");
  site_.db.Execute("TRUNCATE waybill.job CASCADE");
  JobSpec spec = ShareSpec({});
  spec.mutable_target()->set_machine_path("NYC|*|*");
  Activate(spec);
  EXPECT_EQ(Sites(), "NYC2");
}

TEST_F(ActivationTest, AJobThatSendsNothingQueuesOnlyTheInstruction) {
  JobSpec spec = ShareSpec({"NYC"});
  spec.set_send_phase(job::v1::SEND_PHASE_OFF);
  Activate(spec);
  EXPECT_EQ(Sends(), "NYC-");
}

TEST_F(ActivationTest, ARemoveJobGoesWhereThePackageIs) {
  const std::string version = SiteFixture::Version('a');
  site_.db.Execute("INSERT INTO waybill.holding VALUES ('NYC', 'CEN00001', '\\x" + version +
                   "');"
                   "INSERT INTO waybill.location VALUES ('LAB', 'ds1', 'CEN00001', '\\x" +
                   version + "', 'c', '/x', 1)");
  Submit(RemoveSpec({}));
  EXPECT_THAT(store_.Activate(Claim(), ""), IsOk());
  EXPECT_EQ(Sites(), "CEN2 LAB1 NYC2");
  EXPECT_EQ(Sends(), "BOS- CEN- NYC-");
  EXPECT_EQ(jobs_.Get("CEN00001")->spec().version(), "");
  site_.db.Execute("TRUNCATE waybill.job CASCADE");
  Submit(RemoveSpec({"NYC", "BOS"}));
  EXPECT_THAT(store_.Activate(Claim(), ""), IsOk());
  EXPECT_EQ(Sites(), "NYC2");
}

TEST_F(ActivationTest, AnEmptyTargetFailsTheJobWithAReason) {
  EXPECT_EQ(Activate(RunSpec("NYC|NOBODY|*")), job::v1::JOB_STATE_FAILED);
  Submit(RemoveSpec({"NYC"}));
  EXPECT_EQ(*store_.Activate(Claim(), ""), job::v1::JOB_STATE_FAILED);
  for (const char* job_id : {"CEN00001", "CEN00002"}) {
    const job::v1::Job job = *jobs_.Get(job_id);
    EXPECT_EQ(job.state(), job::v1::JOB_STATE_FAILED);
    EXPECT_THAT(job.reason(), StartsWith("EMPTY_TARGET: "));
    EXPECT_TRUE(job.has_finish_time());
  }
  EXPECT_EQ(Sends(), "");
}

TEST_F(ActivationTest, AJobCancelledAfterItsClaimIsNotActivated) {
  Submit(RunSpec("NYC|*|*"));
  const ClaimedJob job = Claim();
  EXPECT_THAT(jobs_.Cancel(job.job_id, kCancel), IsOk());
  EXPECT_THAT(store_.Activate(job, SiteFixture::Version('a')),
              StatusIs(absl::StatusCode::kFailedPrecondition));
  EXPECT_EQ(Targets(), "");
}

TEST_F(ActivationTest, TenThousandWorkstationsAreFrozenInOneStep) {
  site_.db.Execute(
      "INSERT INTO waybill.workstation (sms_id, site_code, host_name, domain)"
      " SELECT 'BOS' || n, 'BOS', 'h' || n, 'MANY' FROM generate_series(10001, 20000) n");
  EXPECT_EQ(Activate(RunSpec("*|MANY|*")), job::v1::JOB_STATE_ACTIVE);
  EXPECT_EQ(site_.Text("SELECT count(*) FROM waybill.job_target"), "10000");
  EXPECT_EQ(jobs_.Get("CEN00001")->run().total(), 10000);
}

// ------------------------------------------------------------------------------- forwarding

// Site BOS with its child LAB, and a job from CEN whose instruction was committed.
class ForwardTest : public ::testing::Test {
 protected:
  ForwardTest() {
    site_.AddSite("LAB", "BOS");
    site_.AddSite("SUB", "LAB");
    site_.db.Execute(
        "INSERT INTO waybill.job (job_id, origin_site_code, type, package_id, version, priority, "
        "target_kind,"
        " start_after, deadline, send_phase, state) VALUES ('CEN00042', 'CEN', 2, 'CEN00001', "
        "'\\x" +
        SiteFixture::Version('a') +
        "', 3, 4, now(), now() + interval '1 day', 1, 2);"
        "INSERT INTO waybill.job_site (job_id, site_code, commit_seen, revision_committed) VALUES"
        " ('CEN00042', 'BOS', true, 1), ('CEN00042', 'LAB', false, 0), ('CEN00042', 'SUB', false, "
        "0);"
        "INSERT INTO waybill.job_target (job_id, sms_id, site_code) VALUES ('CEN00042', "
        "'LAB00001', 'LAB'),"
        " ('CEN00042', 'BOS00001', 'BOS');"
        "INSERT INTO waybill.instruction (job_id, revision) VALUES ('CEN00042', 1)");
  }

  // What the Despooler does when the cancel arrives.
  void CommitCancel() {
    site_.db.Execute(
        "UPDATE waybill.job SET revision = 2, cancel_epoch = 1;"
        "UPDATE waybill.job_site SET revision_committed = 2 WHERE site_code = 'BOS';"
        "INSERT INTO waybill.instruction (job_id, revision) VALUES ('CEN00042', 2)");
  }

  void ForwardAll() {
    const auto keys = store_.ListUnforwarded(10);
    ASSERT_THAT(keys, IsOk());
    for (const InstructionKey& key : *keys) {
      ASSERT_THAT(store_.Forward(key, kCancel), IsOk());
    }
  }

  std::string Sends() const {
    return site_.Joined(
        "SELECT site_code || revision || ':' || state FROM waybill.send_request"
        " ORDER BY send_request_id");
  }
  std::string Sites() const {
    return site_.Joined("SELECT site_code || send_state FROM waybill.job_site ORDER BY site_code");
  }

  SiteFixture site_{"BOS", "CEN"};
  JobProgressStore store_{*site_.database};
};

TEST_F(ForwardTest, QueuesOneSendForEachChildOnTheWayAndOnce) {
  ForwardAll();
  EXPECT_EQ(Sends(), "LAB1:2");
  EXPECT_EQ(Sites(), "BOS1 LAB2 SUB1");
  EXPECT_EQ(
      site_.Text(
          "SELECT version IS NOT NULL AND with_targets AND priority = 3 FROM waybill.send_request"),
      "t");
  EXPECT_TRUE(store_.ListUnforwarded(10)->empty());
  EXPECT_THAT(store_.Forward({"CEN00042", 1}, kCancel), IsOk());
  EXPECT_EQ(Sends(), "LAB1:2");
}

TEST_F(ForwardTest, AJobOfThisSiteWasQueuedAtItsActivation) {
  site_.db.Execute("UPDATE waybill.job SET origin_site_code = 'BOS'");
  ForwardAll();
  EXPECT_EQ(Sends(), "");
  EXPECT_TRUE(store_.ListUnforwarded(10)->empty());
}

TEST_F(ForwardTest, ACancelFollowsAJobThatWasPassedOn) {
  ForwardAll();
  site_.db.Execute("UPDATE waybill.send_request SET state = 6, fence = 1");
  CommitCancel();
  ForwardAll();
  EXPECT_EQ(Sends(), "LAB1:6 LAB2:2");
  EXPECT_EQ(Sites(), "BOS1 LAB2 SUB1");
}

TEST_F(ForwardTest, ACancelEndsWhatNoSenderTouched) {
  ForwardAll();
  CommitCancel();
  ForwardAll();
  EXPECT_EQ(Sends(), "LAB1:7");
  EXPECT_EQ(Sites(), "BOS1 LAB7 SUB7");
  EXPECT_EQ(site_.Joined("SELECT sms_id || state FROM waybill.job_target ORDER BY sms_id"),
            "BOS000011 LAB0000111");
}

TEST_F(ForwardTest, ACancelFollowsARequestThatIsBeingClaimedJustNow) {
  ForwardAll();
  CommitCancel();
  site_.db.WhileOpen("UPDATE waybill.send_request SET state = 3, fence = fence + 1",
                     [&] { ForwardAll(); });
  EXPECT_EQ(Sends(), "LAB1:7 LAB2:2");
}

TEST_F(ForwardTest, ACancelThatOvertookTheForwardingStopsIt) {
  CommitCancel();
  EXPECT_THAT(store_.CloseUnreached(kCancel), IsOk());
  EXPECT_EQ(Sites(), "BOS1 LAB1 SUB1");  // Not before the cancel was passed on.
  ForwardAll();
  EXPECT_EQ(Sends(), "");
  EXPECT_EQ(Sites(), "BOS1 LAB7 SUB7");
}

TEST_F(ForwardTest, ACancelThatArrivedBeforeItsJobClosesTheSitesBehind) {
  ForwardAll();
  site_.db.Execute("UPDATE waybill.send_request SET fence = 1");
  CommitCancel();
  ForwardAll();
  EXPECT_EQ(Sends(), "LAB1:7 LAB2:2");
  EXPECT_THAT(store_.CloseUnreached(kCancel), IsOk());
  EXPECT_EQ(Sites(), "BOS1 LAB2 SUB1");  // LAB may still have it.
  site_.db.Execute("UPDATE waybill.send_request SET state = 6 WHERE revision = 2");
  EXPECT_THAT(store_.CloseUnreached(kCancel), IsOk());
  EXPECT_EQ(Sites(), "BOS1 LAB7 SUB7");
}

// ------------------------------------------------------------------------------- roll-up

class RollupTest : public ActivationTest {
 protected:
  RollupTest() { Activate(RunSpec("NYC|SALES|*")); }

  JobEdges Edges() {
    const auto jobs = store_.CountEdges();
    EXPECT_THAT(jobs, IsOk());
    EXPECT_EQ(jobs->size(), 1u);
    return jobs->size() == 1 ? (*jobs)[0].edges : JobEdges();
  }
  JobState State() { return Summarize(Edges()).state; }

  void Commit() {
    site_.db.Execute(
        "UPDATE waybill.job_site SET send_state = 6, commit_seen = true, revision_committed = 1");
  }
  void SetTargets(int state) {
    site_.db.Execute("UPDATE waybill.job_target SET state = " + std::to_string(state));
  }
};

TEST_F(RollupTest, IsCompleteOnlyWhenEveryEdgeIs) {
  EXPECT_EQ(State(), job::v1::JOB_STATE_ACTIVE);
  Commit();
  site_.db.Execute(
      "INSERT INTO waybill.job_server (job_id, site_code, server_name, state) VALUES"
      " ('CEN00001', 'NYC', 'ds1', 1)");
  SetTargets(5);
  EXPECT_EQ(State(), job::v1::JOB_STATE_ACTIVE);
  site_.db.Execute("UPDATE waybill.job_server SET state = 4, reason = 'INSUFFICIENT_SPACE: x'");
  EXPECT_EQ(Summarize(Edges()),
            (JobSummary{job::v1::JOB_STATE_RETRYING, "INSUFFICIENT_SPACE: at NYC: x"}));
  site_.db.Execute("UPDATE waybill.job_server SET state = 3");
  EXPECT_EQ(State(), job::v1::JOB_STATE_COMPLETE);
  SetTargets(4);
  EXPECT_EQ(State(), job::v1::JOB_STATE_ACTIVE);
  SetTargets(6);
  EXPECT_EQ(State(), job::v1::JOB_STATE_FAILED);
}

TEST_F(RollupTest, EveryTargetStateCountsAsOpenWellOrFailed) {
  Commit();
  for (int state = 1; state <= 12; ++state) {
    SetTargets(state);
    const bool is_open = state < 5;
    const bool is_bad = state == 6 || state == 7 || state >= 11;
    EXPECT_EQ(State(), is_open  ? job::v1::JOB_STATE_ACTIVE
                       : is_bad ? job::v1::JOB_STATE_FAILED
                                : job::v1::JOB_STATE_COMPLETE)
        << state;
  }
}

TEST_F(RollupTest, AnOpenSiteAtTheDeadlineFailsTheJob) {
  site_.db.Execute("UPDATE waybill.job SET deadline = now() - interval '1 s'");
  EXPECT_THAT(Summarize(Edges()).reason, StartsWith("DEADLINE_PASSED: 1 site and 0 servers"));
}

TEST_F(RollupTest, WorkstationsBehindAFailedSendFailWithItsReason) {
  site_.db.Execute("UPDATE waybill.job_site SET send_state = 7, send_reason = 'UNREACHABLE: x'");
  EXPECT_THAT(store_.CloseUnreached(kCancel), IsOk());
  EXPECT_EQ(
      site_.Joined("SELECT sms_id || state || reason FROM waybill.job_target ORDER BY sms_id"),
      "NYC000016UNREACHABLE: x NYC000026UNREACHABLE: x");
  EXPECT_THAT(Summarize(Edges()).reason, StartsWith("UNREACHABLE: 1 site, 2 workstations failed"));
}

TEST_F(RollupTest, WritesAStateOnlyOverTheOneThatWasCounted) {
  const std::vector<StateChange> changes = {
      {"CEN00001", job::v1::JOB_STATE_RETRYING, {job::v1::JOB_STATE_COMPLETE, ""}}};
  EXPECT_THAT(store_.PutStates(changes), IsOk());
  EXPECT_EQ(jobs_.Get("CEN00001")->state(), job::v1::JOB_STATE_ACTIVE);
  EXPECT_THAT(store_.PutStates(
                  {{"CEN00001", job::v1::JOB_STATE_ACTIVE, {job::v1::JOB_STATE_COMPLETE, ""}}}),
              IsOk());
  EXPECT_EQ(jobs_.Get("CEN00001")->state(), job::v1::JOB_STATE_COMPLETE);
  EXPECT_TRUE(jobs_.Get("CEN00001")->has_finish_time());
  EXPECT_TRUE(store_.CountEdges()->empty());
}

TEST_F(RollupTest, ACancelledJobWaitsForConfirmationAndForWhatStillRuns) {
  Commit();
  site_.db.Execute("UPDATE waybill.send_request SET state = 6, fence = 1");
  EXPECT_THAT(jobs_.Cancel("CEN00001", kCancel), IsOk());
  SetTargets(11);
  EXPECT_EQ(State(), job::v1::JOB_STATE_CANCELLING);
  site_.db.Execute("UPDATE waybill.job_site SET revision_committed = 2");
  EXPECT_EQ(State(), job::v1::JOB_STATE_CANCELLING);  // The cancel itself is not acknowledged yet.
  site_.db.Execute("UPDATE waybill.send_request SET state = 6");
  EXPECT_EQ(State(), job::v1::JOB_STATE_CANCELLED);
  SetTargets(4);
  EXPECT_EQ(State(), job::v1::JOB_STATE_CANCELLING);
}

TEST_F(RollupTest, WorkstationsOfACancelledJobThatItsSendNeverReachedAreWithdrawn) {
  site_.db.Execute("UPDATE waybill.send_request SET fence = 1");
  EXPECT_THAT(jobs_.Cancel("CEN00001", kCancel), IsOk());
  site_.db.Execute(
      "UPDATE waybill.send_request SET state = 6 WHERE revision = 2;"
      "UPDATE waybill.job_site SET send_state = 7, send_reason = 'CANCELLED: y'");
  EXPECT_THAT(store_.CloseUnreached(kCancel), IsOk());
  EXPECT_EQ(site_.Joined("SELECT DISTINCT state || reason FROM waybill.job_target"),
            "11CANCELLED: y");
  EXPECT_EQ(State(), job::v1::JOB_STATE_CANCELLED);
}

TEST_F(RollupTest, ARemoveJobNeedsThePackageGoneEverywhere) {
  site_.db.Execute("TRUNCATE waybill.job CASCADE");
  Submit(RemoveSpec({"CEN"}));
  EXPECT_THAT(store_.Activate(Claim(), ""), IsOk());
  Commit();
  EXPECT_EQ(State(), job::v1::JOB_STATE_ACTIVE);
  site_.db.Execute("UPDATE waybill.job_site SET package_removed = true");
  EXPECT_EQ(State(), job::v1::JOB_STATE_COMPLETE);
}

}  // namespace
}  // namespace waybill::scheduler
