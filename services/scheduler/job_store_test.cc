#include "services/scheduler/job_store.h"

#include <memory>
#include <string>
#include <thread>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"

#include "common/model/proto_time.h"
#include "common/status/status_matchers.h"
#include "services/scheduler/site_fixture_test.h"

#include "waybill/job/v1/job.pb.h"

namespace waybill::scheduler {
namespace {

using job::v1::Job;
using job::v1::JobSpec;
using ::testing::HasSubstr;

class JobStoreTest : public ::testing::Test {
 protected:
  JobStoreTest() {
    site_.AddVersion('a');
    site_.AddWorkstations();
    site_.db.Execute(
        "INSERT INTO waybill.machine_group VALUES ('PCs', 1), ('Servers', 2);"
        "INSERT INTO waybill.machine_group_member VALUES ('PCs', 'NYC00001')");
  }

  Job Submitted(const std::string& request_id, const JobSpec& spec) {
    absl::StatusOr<Job> job = store_.Submit(request_id, spec);
    EXPECT_THAT(job, IsOk());
    return job.ok() ? *std::move(job) : Job();
  }

  void ExpectRefused(const JobSpec& spec, absl::StatusCode code, const std::string& text) {
    const absl::StatusOr<Job> job = store_.Submit("refused", spec);
    EXPECT_THAT(job, StatusIs(code));
    EXPECT_THAT(std::string(job.status().message()), HasSubstr(text));
    EXPECT_EQ(site_.Text("SELECT count(*) FROM waybill.job"), "0");
  }

  SiteFixture site_;
  JobStore store_{*site_.database};
};

TEST_F(JobStoreTest, NumbersJobsAndFillsInDefaultsByTheDatabasesClock) {
  const Job job = Submitted("r1", RunSpec("NYC|*|*"));
  EXPECT_EQ(job.job_id(), "CEN00001");
  EXPECT_EQ(job.state(), job::v1::JOB_STATE_PENDING);
  EXPECT_EQ(job.spec().priority(), job::v1::PRIORITY_MEDIUM);
  EXPECT_EQ(job.spec().send_phase(), job::v1::SEND_PHASE_IF_NOT_SENT);
  EXPECT_EQ(job.spec().target().machine_path(), "NYC|*|*");
  EXPECT_EQ(job.spec().deadline().seconds() - job.spec().start_after().seconds(), 7 * 86400);
  EXPECT_EQ(job.spec().run_phase().expires_after().seconds() -
                job.spec().run_phase().offer_after().seconds(),
            30 * 86400);
  EXPECT_EQ(site_.Text("SELECT start_after = create_time FROM waybill.job"), "t");
  EXPECT_EQ(Submitted("r2", RunSpec("NYC|*|*")).job_id(), "CEN00002");
}

TEST_F(JobStoreTest, NumbersBeyondFiveDigitsStayWhole) {
  site_.Text("SELECT setval('waybill.job_number', 123455)");
  EXPECT_EQ(Submitted("r1", ShareSpec({"NYC"})).job_id(), "CEN123456");
}

TEST_F(JobStoreTest, CopiesTheCommandSoThatLaterEditsDoNotChangeTheJob) {
  Submitted("r1", RunSpec("NYC|*|*"));
  site_.db.Execute("UPDATE waybill.package_command SET arguments = '{other}'");
  EXPECT_EQ(
      site_.Text("SELECT arguments || platforms || time_limit::text || success_exit_codes::text[]"
                 " FROM waybill.job"),
      "{setup,--quiet,linux,00:05:00,0,3}");
}

TEST_F(JobStoreTest, ARepeatReturnsTheFirstJobWhateverItAsksFor) {
  const Job first = Submitted("r1", RunSpec("NYC|*|*"));
  JobSpec broken = RunSpec("NYC|*|*");
  broken.set_package_id("CEN99999");
  EXPECT_EQ(Submitted("r1", broken).SerializeAsString(), first.SerializeAsString());
  EXPECT_EQ(site_.Text("SELECT count(*) FROM waybill.job"), "1");
}

TEST_F(JobStoreTest, ConcurrentRepeatsMakeOneJob) {
  std::vector<std::string> ids(4);
  std::vector<std::thread> threads;
  for (std::string& id : ids) {
    threads.emplace_back([&] { id = Submitted("r1", ShareSpec({"NYC"})).job_id(); });
  }
  for (std::thread& thread : threads) {
    thread.join();
  }
  for (const std::string& id : ids) {
    EXPECT_EQ(id, ids[0]);
  }
  EXPECT_EQ(site_.Text("SELECT count(*) FROM waybill.job"), "1");
}

TEST_F(JobStoreTest, KeepsEveryFieldOfTheOrder) {
  site_.AddVersion('b');
  JobSpec spec = RunSpec("*|SALES|*");
  spec.set_comment("for all");
  spec.set_version(SiteFixture::Version('b').substr(0, 16));
  spec.set_priority(job::v1::PRIORITY_HIGH);
  spec.set_send_phase(job::v1::SEND_PHASE_OFF);
  spec.mutable_distribute_phase()->set_refresh_existing(true);
  spec.mutable_distribute_phase()->set_put_on_specified(true);
  spec.mutable_distribute_phase()->set_server_group("Servers");
  const absl::Time later = absl::FromUnixSeconds(4'000'000'000);
  *spec.mutable_start_after() = model::ToProto(later);
  *spec.mutable_deadline() = model::ToProto(later + absl::Hours(1));
  *spec.mutable_run_phase()->mutable_offer_after() = model::ToProto(later);
  *spec.mutable_run_phase()->mutable_mandatory_after() = model::ToProto(later + absl::Hours(2));
  spec.mutable_run_phase()->set_never_expires(true);
  const Job job = Submitted("r1", spec);
  spec.set_version(SiteFixture::Version('b'));
  EXPECT_EQ(job.spec().ShortDebugString(), spec.ShortDebugString());
}

TEST_F(JobStoreTest, NamesWhatIsUnknownAndWhatToDo) {
  constexpr auto kNotFound = absl::StatusCode::kNotFound;
  JobSpec spec = RunSpec("NYC|*|*");
  spec.set_package_id("CEN00002");
  ExpectRefused(spec, kNotFound, "no package CEN00002 here; look at `waybill package list`");
  spec = RunSpec("NYC|*|*");
  spec.set_version(std::string(16, 'c'));
  ExpectRefused(spec, kNotFound, "holds no version cccccccccccccccc");
  spec = RunSpec("NYC|*|*");
  spec.mutable_run_phase()->set_command("remove");
  ExpectRefused(spec, kNotFound, "has no command \"remove\"; it has install");
  ExpectRefused(RunSpec("ROM|*|*"), kNotFound, "no such site: ROM");
  ExpectRefused(ShareSpec({"NYC", "YYY"}), kNotFound, "no such site: YYY");
  spec = RunSpec("NYC|*|*");
  spec.mutable_target()->set_machine_group("Laptops");
  ExpectRefused(spec, kNotFound, "no group \"Laptops\"");
  spec.mutable_target()->set_machine_group("Servers");
  ExpectRefused(spec, absl::StatusCode::kInvalidArgument, "is a group of servers");
  spec.mutable_target()->mutable_workstations()->add_sms_ids("NYC00001");
  spec.mutable_target()->mutable_workstations()->add_sms_ids("NYC77777");
  ExpectRefused(spec, kNotFound, "no such workstation: NYC77777");
  spec = ShareSpec({"NYC"});
  spec.mutable_distribute_phase()->set_server_group("PCs");
  ExpectRefused(spec, absl::StatusCode::kInvalidArgument, "is a group of workstations");
}

TEST_F(JobStoreTest, RefusesAVersionPrefixThatFitsSeveral) {
  site_.db.Execute(absl::StrCat("INSERT INTO waybill.package_version SELECT package_id, '\\x",
                                std::string(63, 'a'),
                                "b', content_digest, 1, 1, 1, 1, 1 FROM waybill.package_version"));
  JobSpec spec = ShareSpec({"NYC"});
  spec.set_version(std::string(16, 'a'));
  ExpectRefused(spec, absl::StatusCode::kInvalidArgument, "fits several versions");
}

TEST_F(JobStoreTest, RefusesAPackageWithNothingToSend) {
  site_.db.Execute(
      "DELETE FROM waybill.package_version; UPDATE waybill.package SET source_directory = ''");
  ExpectRefused(ShareSpec({"NYC"}), absl::StatusCode::kFailedPrecondition, "neither a version");
}

TEST_F(JobStoreTest, RefusesWhatTheRulesRefuse) {
  JobSpec spec = ShareSpec({"NYC"});
  spec.clear_distribute_phase();
  spec.set_send_phase(job::v1::SEND_PHASE_OFF);
  ExpectRefused(spec, absl::StatusCode::kFailedPrecondition, "would do nothing");
}

TEST_F(JobStoreTest, AFieldWithMetacharactersStaysText) {
  JobSpec spec = ShareSpec({"NYC"});
  spec.set_comment("'; DROP TABLE waybill.job; --");
  EXPECT_EQ(Submitted("r1", spec).spec().comment(), spec.comment());
}

TEST_F(JobStoreTest, ShowsSitesAndServersWithTheirProgress) {
  Submitted("r1", ShareSpec({"NYC"}));
  site_.db.Execute(
      "INSERT INTO waybill.job_site (job_id, site_code, send_state, commit_seen, bytes_total, "
      "bytes_sent)"
      " VALUES ('CEN00001', 'NYC', 6, true, 10, 10);"
      "INSERT INTO waybill.job_site (job_id, site_code, send_state, send_reason, send_next_time)"
      " VALUES ('CEN00001', 'BOS', 5, 'UNREACHABLE: x', now());"
      "INSERT INTO waybill.job_server (job_id, site_code, server_name, state, reason, next_time) "
      "VALUES"
      " ('CEN00001', 'NYC', 'ds1', 3, '', NULL), ('CEN00001', 'NYC', 'ds2', 4, "
      "'INSUFFICIENT_SPACE: y', now());"
      "INSERT INTO waybill.job_target (job_id, sms_id, site_code, state) VALUES"
      " ('CEN00001', 'NYC00001', 'NYC', 5), ('CEN00001', 'NYC00002', 'NYC', 6),"
      " ('CEN00001', 'NYC00003', 'NYC', 1)");
  const absl::StatusOr<Job> job = store_.Get("CEN00001");
  ASSERT_THAT(job, IsOk());
  EXPECT_EQ(job->send().ShortDebugString(), "total: 2 done: 1 retrying: 1");
  EXPECT_EQ(job->distribute().ShortDebugString(), "total: 2 done: 1 retrying: 1");
  EXPECT_EQ(job->run().ShortDebugString(), "total: 3 done: 1 failed: 1");
  ASSERT_EQ(job->sites_size(), 2);
  EXPECT_EQ(job->sites(0).site_code(), "BOS");
  EXPECT_TRUE(job->sites(0).has_send_next_time());
  EXPECT_EQ(job->sites(1).bytes_sent(), 10);
  ASSERT_EQ(job->sites(1).servers_size(), 2);
  EXPECT_EQ(job->sites(1).servers(1).reason(), "INSUFFICIENT_SPACE: y");
  EXPECT_TRUE(job->sites(1).servers(1).has_next_time());
}

TEST_F(JobStoreTest, GettingAnUnknownJobSaysSo) {
  EXPECT_THAT(store_.Get("CEN00009"), StatusIs(absl::StatusCode::kNotFound));
  EXPECT_THAT(store_.ListTargets("CEN00009", {}, "", 10), StatusIs(absl::StatusCode::kNotFound));
}

TEST_F(JobStoreTest, ListsNewestFirstPageByPageAndByState) {
  for (const char* request : {"r1", "r2", "r3"}) {
    Submitted(request, ShareSpec({"NYC"}));
  }
  site_.db.Execute("UPDATE waybill.job SET state = 4 WHERE job_id = 'CEN00002'");
  const auto first = store_.List({}, JobCursor(), 2);
  ASSERT_THAT(first, IsOk());
  ASSERT_EQ(first->size(), 2u);
  EXPECT_EQ((*first)[0].job_id(), "CEN00003");
  const auto rest =
      store_.List({}, {*model::FromProto("", (*first)[1].create_time()), (*first)[1].job_id()}, 2);
  ASSERT_EQ(rest->size(), 1u);
  EXPECT_EQ((*rest)[0].job_id(), "CEN00001");
  const auto complete = store_.List({job::v1::JOB_STATE_COMPLETE}, JobCursor(), 10);
  ASSERT_EQ(complete->size(), 1u);
  EXPECT_EQ((*complete)[0].job_id(), "CEN00002");
}

class JobTargetsTest : public JobStoreTest {
 protected:
  JobTargetsTest() {
    Submitted("r1", RunSpec("NYC|*|*"));
    site_.db.Execute(
        "INSERT INTO waybill.job_target (job_id, sms_id, site_code, state, exit_code, output, "
        "run_duration)"
        " SELECT 'CEN00001', sms_id, site_code, 5, 7, 'hello', '1.5 s' FROM waybill.workstation"
        "  WHERE site_code = 'NYC'");
  }
};

TEST_F(JobTargetsTest, ListsWorkstationsWithTheirNamesAndResults) {
  const auto page = store_.ListTargets("CEN00001", {}, "NYC00001", 2);
  ASSERT_THAT(page, IsOk());
  ASSERT_EQ(page->elements.size(), 2u);
  EXPECT_TRUE(page->has_next);
  const job::v1::JobTarget& target = page->elements[0];
  EXPECT_EQ(target.sms_id() + target.host_name() + target.domain() + target.output(),
            "NYC00002pc2SALEShello");
  EXPECT_EQ(target.exit_code(), 7);
  EXPECT_EQ(target.run_duration().nanos(), 500'000'000);
  EXPECT_FALSE(store_.ListTargets("CEN00001", {}, "NYC00003", 2)->has_next);
  EXPECT_TRUE(
      store_.ListTargets("CEN00001", {job::v1::TARGET_STATE_FAILED}, "", 2)->elements.empty());
}

TEST_F(JobTargetsTest, EndsAPageBeforeItOutgrowsAMessage) {
  site_.db.Execute("UPDATE waybill.job_target SET output = repeat('x', 2000000)");
  const auto page = store_.ListTargets("CEN00001", {}, "", 100);
  ASSERT_THAT(page, IsOk());
  EXPECT_EQ(page->elements.size(), 2u);
  EXPECT_TRUE(page->has_next);
}

TEST_F(JobStoreTest, AListCountsTheWorkstationsAndSitesThatWereNamed) {
  JobSpec run = RunSpec("");
  for (const char* sms_id : {"NYC00001", "NYC00002"}) {
    run.mutable_target()->mutable_workstations()->add_sms_ids(sms_id);
  }
  const Job named = Submitted("r1", run);
  EXPECT_EQ(named.spec().target().workstations().sms_ids_size(), 2);
  EXPECT_EQ(named.spec().target().workstations().count(), 2);
  Submitted("r2", ShareSpec({"NYC", "BOS"}));
  Submitted("r3", RunSpec("NYC|*|*"));
  const auto jobs = store_.List({}, JobCursor(), 10);
  ASSERT_THAT(jobs, IsOk());
  ASSERT_EQ(jobs->size(), 3u);
  EXPECT_EQ((*jobs)[0].spec().target().machine_path(), "NYC|*|*");
  EXPECT_EQ((*jobs)[1].spec().target().sites().count(), 2);
  EXPECT_TRUE((*jobs)[1].spec().target().sites().site_codes().empty());
  EXPECT_EQ((*jobs)[2].spec().target().workstations().count(), 2);
  EXPECT_TRUE((*jobs)[2].spec().target().workstations().sms_ids().empty());
}

class JobCancelTest : public JobStoreTest {
 protected:
  // Active, with NYC tried and BOS and LAB not.
  void Activate() {
    Submitted("r1", RunSpec("*|*|*"));
    site_.db.Execute(
        "UPDATE waybill.job SET state = 2;"
        "INSERT INTO waybill.job_target (job_id, sms_id, site_code) SELECT 'CEN00001', sms_id, "
        "site_code"
        "  FROM waybill.workstation;"
        "INSERT INTO waybill.job_site (job_id, site_code, send_state) VALUES ('CEN00001', 'NYC', "
        "3),"
        " ('CEN00001', 'BOS', 2), ('CEN00001', 'LAB', 1);"
        "INSERT INTO waybill.send_request (job_id, site_code, revision, with_targets, package_id, "
        "priority,"
        " state, fence) VALUES ('CEN00001', 'NYC', 1, true, 'CEN00001', 2, 3, 1),"
        " ('CEN00001', 'BOS', 1, true, 'CEN00001', 2, 2, 0)");
  }
};

TEST_F(JobCancelTest, APendingJobIsCancelledAtOnce) {
  Submitted("r1", RunSpec("NYC|*|*"));
  EXPECT_THAT(store_.Cancel("CEN00001", "CANCELLED: x"), IsOk());
  EXPECT_THAT(store_.Cancel("CEN00001", "CANCELLED: y"), IsOk());
  const Job job = *store_.Get("CEN00001");
  EXPECT_EQ(job.state(), job::v1::JOB_STATE_CANCELLED);
  EXPECT_EQ(job.reason(), "CANCELLED: x");
  EXPECT_EQ(job.revision(), 2);
  EXPECT_TRUE(job.has_finish_time());
}

TEST_F(JobCancelTest, ARunningJobTellsNeighboursThatWereTriedAndClosesTheOthers) {
  Activate();
  EXPECT_THAT(store_.Cancel("CEN00001", "CANCELLED: x"), IsOk());
  EXPECT_THAT(store_.Cancel("CEN00001", "CANCELLED: again"), IsOk());
  EXPECT_EQ(store_.Get("CEN00001")->state(), job::v1::JOB_STATE_CANCELLING);
  EXPECT_EQ(
      site_.Joined("SELECT site_code || revision || with_targets::text || state || '/' || fence"
                   " FROM waybill.send_request ORDER BY send_request_id"),
      "NYC1true7/2 BOS1true7/1 NYC2false2/0");
  EXPECT_EQ(site_.Joined("SELECT site_code || send_state FROM waybill.job_site ORDER BY site_code"),
            "BOS7 LAB7 NYC3");
  EXPECT_EQ(site_.Joined("SELECT sms_id || ':' || state FROM waybill.job_target ORDER BY sms_id"),
            "BOS00001:11 LAB00001:11 NYC00001:1 NYC00002:1 NYC00003:1 NYC00004:1");
}

// Else the child would run a job of whose cancel it is never told.
TEST_F(JobCancelTest, ANeighbourWhoseRequestIsBeingClaimedJustNowIsToldOfTheCancel) {
  Activate();
  site_.db.WhileOpen(
      "UPDATE waybill.send_request SET state = 3, fence = fence + 1 WHERE site_code = 'BOS'",
      [&] { EXPECT_THAT(store_.Cancel("CEN00001", "CANCELLED: x"), IsOk()); });
  EXPECT_EQ(site_.Joined("SELECT site_code || revision || ':' || state FROM waybill.send_request"
                         " WHERE site_code = 'BOS' ORDER BY revision"),
            "BOS1:7 BOS2:2");
}

TEST_F(JobCancelTest, RefusesAJobThatHasEndedOrBelongsToAnotherSite) {
  EXPECT_THAT(store_.Cancel("CEN00001", "CANCELLED: x"), StatusIs(absl::StatusCode::kNotFound));
  Submitted("r1", RunSpec("NYC|*|*"));
  site_.db.Execute("UPDATE waybill.job SET state = 4");
  EXPECT_THAT(store_.Cancel("CEN00001", "CANCELLED: x"),
              StatusIs(absl::StatusCode::kFailedPrecondition));
  site_.db.Execute("UPDATE waybill.job SET state = 2, origin_site_code = 'TOP'");
  const absl::Status foreign = store_.Cancel("CEN00001", "CANCELLED: x");
  EXPECT_THAT(foreign, StatusIs(absl::StatusCode::kFailedPrecondition));
  EXPECT_THAT(std::string(foreign.message()), HasSubstr("submitted at site TOP"));
}

}  // namespace
}  // namespace waybill::scheduler
