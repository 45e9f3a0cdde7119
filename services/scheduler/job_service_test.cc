#include "services/scheduler/job_service.h"

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <grpcpp/client_context.h>
#include <gtest/gtest.h>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

#include "common/model/access.h"
#include "common/rpc/channel.h"
#include "common/rpc/grpc_status.h"
#include "common/rpc/identity.h"
#include "common/rpc/listener.h"
#include "common/rpc/test_certificates.h"
#include "common/rpc/tls.h"
#include "common/status/status_matchers.h"
#include "common/thread/executor.h"
#include "common/thread/mutex.h"
#include "services/scheduler/job_store.h"
#include "services/scheduler/site_fixture_test.h"

#include "waybill/job/v1/job_service.grpc.pb.h"

namespace waybill::scheduler {
namespace {

using absl::StatusCode;
using job::v1::Job;
using job::v1::JobSpec;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

using Stub = job::v1::JobService::Stub;

const rpc::Identity kScheduler = {rpc::Role::kService, "CEN", model::kSchedulerName};
const rpc::Identity kAlice = {rpc::Role::kAdmin, "", "alice"};

// The JobService of site CEN over real TLS, as administrators reach it.
class JobServiceTest : public testing::Test {
 protected:
  JobServiceTest() {
    site_.AddVersion('a');
    site_.AddWorkstations();
    auto listener =
        rpc::Listener::Start({.audience = "administrators",
                              .address = "127.0.0.1:0",
                              .rules = model::AccessRulesOf("waybill.job.v1.JobService")},
                             *server_tls_, {&service_});
    EXPECT_THAT(listener, IsOk());
    listener_ = *std::move(listener);
    stub_ = StubOf(*admin_tls_);
  }
  ~JobServiceTest() override { streams_.Drain(); }

  std::unique_ptr<Stub> StubOf(const rpc::TlsIdentity& tls) const {
    return job::v1::JobService::NewStub(
        rpc::MakeChannel({.target = listener_->address(), .server = kScheduler}, tls));
  }

  template <typename Request, typename Response>
  absl::StatusOr<Response> Call(grpc::Status (Stub::*method)(grpc::ClientContext*, const Request&,
                                                             Response*),
                                const Request& request) const {
    grpc::ClientContext context;
    rpc::SetDeadline(context, absl::Seconds(30));
    Response response;
    const absl::Status status =
        rpc::FromGrpcStatus((stub_.get()->*method)(&context, request, &response));
    return status.ok() ? absl::StatusOr<Response>(std::move(response)) : status;
  }

  absl::StatusOr<Job> Submit(const std::string& request_id, const JobSpec& spec) const {
    job::v1::SubmitJobRequest request;
    request.set_request_id(request_id);
    *request.mutable_spec() = spec;
    const auto response = Call(&Stub::SubmitJob, request);
    return response.ok() ? absl::StatusOr<Job>(response->job()) : response.status();
  }

  absl::StatusOr<Job> Get(const std::string& job_id) const {
    job::v1::GetJobRequest request;
    request.set_job_id(job_id);
    const auto response = Call(&Stub::GetJob, request);
    return response.ok() ? absl::StatusOr<Job>(response->job()) : response.status();
  }

  absl::StatusOr<Job> Cancel(const std::string& job_id) const {
    job::v1::CancelJobRequest request;
    request.set_job_id(job_id);
    const auto response = Call(&Stub::CancelJob, request);
    return response.ok() ? absl::StatusOr<Job>(response->job()) : response.status();
  }

  absl::StatusOr<job::v1::ListJobsResponse> List(const job::v1::ListJobsRequest& request) const {
    return Call(&Stub::ListJobs, request);
  }

  absl::StatusOr<job::v1::ListJobTargetsResponse> ListTargets(
      const job::v1::ListJobTargetsRequest& request) const {
    return Call(&Stub::ListJobTargets, request);
  }

  // The channels that were woken since it was last asked.
  std::vector<std::string> TakeWoken() {
    const MutexLock lock(mutex_);
    return std::exchange(woken_, {});
  }

  void Notify(absl::string_view channel) {
    const MutexLock lock(mutex_);
    woken_.emplace_back(channel);
  }

  void ExpectRefused(const JobSpec& spec, StatusCode code, const std::string& text) const {
    const absl::StatusOr<Job> job = Submit("refused", spec);
    EXPECT_THAT(job, StatusIs(code));
    EXPECT_THAT(std::string(job.status().message()), HasSubstr(text));
  }

  SiteFixture site_;
  JobStore store_{*site_.database};
  Executor calls_{2, 8};
  Executor streams_{1, 8};
  Mutex mutex_;
  std::vector<std::string> woken_ ABSL_GUARDED_BY(mutex_);
  JobService service_{{.store = store_,
                       .calls = calls_,
                       .streams = streams_,
                       .notify = [this](absl::string_view channel) { Notify(channel); },
                       .watch_interval = absl::Milliseconds(1)}};
  rpc::TestCertificates certificates_;
  const std::unique_ptr<rpc::TlsIdentity> server_tls_ = certificates_.Load(kScheduler);
  const std::unique_ptr<rpc::TlsIdentity> admin_tls_ = certificates_.Load(kAlice);
  std::unique_ptr<rpc::Listener> listener_;
  std::unique_ptr<Stub> stub_;
};

TEST_F(JobServiceTest, ASubmittedJobIsPendingAndWakesTheActivation) {
  const absl::StatusOr<Job> job = Submit("r1", RunSpec("NYC|*|*"));
  ASSERT_THAT(job, IsOk());
  EXPECT_EQ(job->job_id(), "CEN00001");
  EXPECT_EQ(job->state(), job::v1::JOB_STATE_PENDING);
  EXPECT_THAT(TakeWoken(), ElementsAre("waybill_job"));
  EXPECT_EQ(Get("CEN00001")->SerializeAsString(), job->SerializeAsString());
}

TEST_F(JobServiceTest, ARepeatOfARequestReturnsTheFirstJobUnchanged) {
  const absl::StatusOr<Job> first = Submit("r1", RunSpec("NYC|*|*"));
  ASSERT_THAT(first, IsOk());
  const absl::StatusOr<Job> repeat = Submit("r1", ShareSpec({"BOS"}));
  ASSERT_THAT(repeat, IsOk());
  EXPECT_EQ(repeat->SerializeAsString(), first->SerializeAsString());
  EXPECT_EQ(List({})->jobs_size(), 1);
}

TEST_F(JobServiceTest, ARequestIdIsNeeded) {
  for (const std::string& request_id : {std::string(), std::string(64, 'x')}) {
    const absl::StatusOr<Job> job = Submit(request_id, RunSpec("NYC|*|*"));
    EXPECT_THAT(job, StatusIs(StatusCode::kInvalidArgument));
    EXPECT_THAT(std::string(job.status().message()), HasSubstr("request_id"));
  }
}

TEST_F(JobServiceTest, WhatIsUnknownIsNamed) {
  JobSpec spec = RunSpec("NYC|*|*");
  spec.set_package_id("CEN00077");
  ExpectRefused(spec, StatusCode::kNotFound, "CEN00077");
  spec = RunSpec("NYC|*|*");
  spec.set_version(std::string(64, 'f'));
  ExpectRefused(spec, StatusCode::kNotFound, std::string(64, 'f'));
  spec = RunSpec("NYC|*|*");
  spec.mutable_run_phase()->set_command("polish");
  ExpectRefused(spec, StatusCode::kNotFound, "polish");
  spec = RunSpec("NYC|*|*");
  spec.mutable_target()->set_machine_group("Laptops");
  ExpectRefused(spec, StatusCode::kNotFound, "Laptops");
  spec.mutable_target()->mutable_workstations()->add_sms_ids("NYC77777");
  ExpectRefused(spec, StatusCode::kNotFound, "NYC77777");
  ExpectRefused(RunSpec("XYZ|*|*"), StatusCode::kNotFound, "XYZ");
  ExpectRefused(ShareSpec({"NYC", "QQQ"}), StatusCode::kNotFound, "QQQ");
  EXPECT_THAT(TakeWoken(), IsEmpty());
  EXPECT_EQ(List({})->jobs_size(), 0);
}

TEST_F(JobServiceTest, AJobThatWouldDoNothingIsRefused) {
  JobSpec spec = ShareSpec({"NYC"});
  spec.clear_distribute_phase();
  spec.set_send_phase(job::v1::SEND_PHASE_OFF);
  ExpectRefused(spec, StatusCode::kFailedPrecondition, "would do nothing");
}

TEST_F(JobServiceTest, PhasesThatDoNotGoTogetherAreRefused) {
  JobSpec spec = RunSpec("NYC|*|*");
  spec.clear_run_phase();
  ExpectRefused(spec, StatusCode::kFailedPrecondition, "run_phase");
  spec = ShareSpec({"NYC"});
  spec.mutable_run_phase()->set_command("install");
  ExpectRefused(spec, StatusCode::kFailedPrecondition, "run_phase");
}

TEST_F(JobServiceTest, AnUnknownJobIsNotFoundAndAMalformedIdIsNamed) {
  job::v1::ListJobTargetsRequest targets;
  targets.set_job_id("CEN00009");
  EXPECT_THAT(Get("CEN00009"), StatusIs(StatusCode::kNotFound));
  EXPECT_THAT(Cancel("CEN00009"), StatusIs(StatusCode::kNotFound));
  EXPECT_THAT(ListTargets(targets), StatusIs(StatusCode::kNotFound));
  targets.set_job_id("cen9");
  for (const absl::Status& status :
       {Get("cen9").status(), Cancel("cen9").status(), ListTargets(targets).status()}) {
    EXPECT_THAT(status, StatusIs(StatusCode::kInvalidArgument));
    EXPECT_THAT(std::string(status.message()), HasSubstr("job_id"));
  }
}

TEST_F(JobServiceTest, ListsPageThroughAllJobsNewestFirst) {
  for (int i = 1; i <= 5; ++i) {
    ASSERT_THAT(Submit(absl::StrCat("r", i), ShareSpec({"NYC"})), IsOk());
  }
  job::v1::ListJobsRequest request;
  request.set_page_size(2);
  std::vector<std::string> job_ids;
  int pages = 0;
  do {
    const auto page = List(request);
    ASSERT_THAT(page, IsOk());
    for (const Job& job : page->jobs()) {
      job_ids.push_back(job.job_id());
    }
    request.set_page_token(page->next_page_token());
    ++pages;
  } while (!request.page_token().empty());
  EXPECT_EQ(pages, 3);
  EXPECT_THAT(job_ids, ElementsAre("CEN00005", "CEN00004", "CEN00003", "CEN00002", "CEN00001"));
}

TEST_F(JobServiceTest, ListsShowOnlyTheStatesThatAreAskedFor) {
  for (const char* request_id : {"r1", "r2"}) {
    ASSERT_THAT(Submit(request_id, ShareSpec({"NYC"})), IsOk());
  }
  ASSERT_THAT(Cancel("CEN00001"), IsOk());
  job::v1::ListJobsRequest request;
  request.add_states(job::v1::JOB_STATE_CANCELLED);
  const auto page = List(request);
  ASSERT_THAT(page, IsOk());
  ASSERT_EQ(page->jobs_size(), 1);
  EXPECT_EQ(page->jobs(0).job_id(), "CEN00001");
}

TEST_F(JobServiceTest, BadFieldsOfAListAreNamed) {
  const auto refusal = [this](const job::v1::ListJobsRequest& request) {
    return std::string(List(request).status().message());
  };
  job::v1::ListJobsRequest request;
  for (const int page_size : {-1, 1001}) {
    request.set_page_size(page_size);
    EXPECT_THAT(refusal(request), HasSubstr("page_size")) << page_size;
  }
  request.set_page_size(0);
  for (const char* token : {"1", "x.CEN00001", "1.cen", "1.CEN00001.2", "'; DROP TABLE x"}) {
    request.set_page_token(token);
    EXPECT_THAT(refusal(request), HasSubstr("page_token")) << token;
  }
  request.set_page_token("");
  request.add_states(job::v1::JOB_STATE_UNSPECIFIED);
  EXPECT_THAT(refusal(request), HasSubstr("states"));
}

TEST_F(JobServiceTest, TargetsComePageByPageBySmsId) {
  ASSERT_THAT(Submit("r1", RunSpec("NYC|*|*")), IsOk());
  site_.db.Execute(
      "INSERT INTO waybill.job_target (job_id, sms_id, site_code) SELECT 'CEN00001', sms_id, "
      "site_code FROM waybill.workstation WHERE site_code = 'NYC'");
  job::v1::ListJobTargetsRequest request;
  request.set_job_id("CEN00001");
  request.set_page_size(3);
  const auto first = ListTargets(request);
  ASSERT_THAT(first, IsOk());
  EXPECT_EQ(first->targets_size(), 3);
  EXPECT_EQ(first->next_page_token(), "NYC00003");
  request.set_page_token(first->next_page_token());
  const auto rest = ListTargets(request);
  ASSERT_THAT(rest, IsOk());
  ASSERT_EQ(rest->targets_size(), 1);
  EXPECT_EQ(rest->targets(0).sms_id(), "NYC00004");
  EXPECT_THAT(rest->next_page_token(), IsEmpty());
  request.set_page_token("nyc");
  EXPECT_THAT(ListTargets(request), StatusIs(StatusCode::kInvalidArgument));
  request.set_page_token("");
  request.set_page_size(10'001);
  EXPECT_THAT(ListTargets(request), StatusIs(StatusCode::kInvalidArgument));
  request.set_page_size(0);
  request.add_states(job::v1::TARGET_STATE_UNSPECIFIED);
  EXPECT_THAT(ListTargets(request), StatusIs(StatusCode::kInvalidArgument));
}

TEST_F(JobServiceTest, CancellingAPendingJobEndsItAndSaysWhoDidIt) {
  ASSERT_THAT(Submit("r1", RunSpec("NYC|*|*")), IsOk());
  TakeWoken();
  const absl::StatusOr<Job> job = Cancel("CEN00001");
  ASSERT_THAT(job, IsOk());
  EXPECT_EQ(job->state(), job::v1::JOB_STATE_CANCELLED);
  EXPECT_EQ(job->reason(), "CANCELLED: by administrator alice");
  EXPECT_THAT(TakeWoken(), ElementsAre("waybill_job", "waybill_send"));
  const absl::StatusOr<Job> repeat = Cancel("CEN00001");
  ASSERT_THAT(repeat, IsOk());
  EXPECT_EQ(repeat->SerializeAsString(), job->SerializeAsString());
}

TEST_F(JobServiceTest, CancellingARunningJobTellsTheSitesThatWereTried) {
  ASSERT_THAT(Submit("r1", ShareSpec({"NYC"})), IsOk());
  site_.db.Execute(
      "UPDATE waybill.job SET state = 2;"
      "INSERT INTO waybill.job_site (job_id, site_code, send_state) VALUES ('CEN00001', 'NYC', 3);"
      "INSERT INTO waybill.send_request (job_id, site_code, revision, with_targets, package_id, "
      "priority, state, fence) VALUES ('CEN00001', 'NYC', 1, true, 'CEN00001', 2, 3, 1)");
  const absl::StatusOr<Job> job = Cancel("CEN00001");
  ASSERT_THAT(job, IsOk());
  EXPECT_EQ(job->state(), job::v1::JOB_STATE_CANCELLING);
  EXPECT_EQ(job->revision(), 2);
  EXPECT_EQ(site_.Joined("SELECT revision || ':' || state FROM waybill.send_request ORDER BY 1"),
            "1:7 2:2");
}

TEST_F(JobServiceTest, AJobThatHasEndedOrBelongsElsewhereIsNotCancelled) {
  ASSERT_THAT(Submit("r1", ShareSpec({"NYC"})), IsOk());
  site_.db.Execute("UPDATE waybill.job SET state = 4");
  EXPECT_THAT(Cancel("CEN00001"), StatusIs(StatusCode::kFailedPrecondition));
  site_.db.Execute("UPDATE waybill.job SET state = 2, origin_site_code = 'TOP'");
  const absl::StatusOr<Job> foreign = Cancel("CEN00001");
  EXPECT_THAT(foreign, StatusIs(StatusCode::kFailedPrecondition));
  EXPECT_THAT(std::string(foreign.status().message()), HasSubstr("TOP"));
}

TEST_F(JobServiceTest, OnlyAdministratorsAreServed) {
  const rpc::Identity others[] = {{rpc::Role::kWorkstation, "CEN", "CEN00001"},
                                  {rpc::Role::kService, "CEN", model::kSenderName}};
  for (const rpc::Identity& identity : others) {
    const std::unique_ptr<rpc::TlsIdentity> tls = certificates_.Load(identity);
    stub_ = StubOf(*tls);
    EXPECT_THAT(List({}), StatusIs(StatusCode::kPermissionDenied)) << rpc::ToUri(identity);
  }
}

// One watch, read message by message.
class Watch {
 public:
  Watch(Stub& stub, const std::string& job_id) {
    rpc::SetDeadline(context_, absl::Seconds(30));
    job::v1::WatchJobRequest request;
    request.set_job_id(job_id);
    reader_ = stub.WatchJob(&context_, request);
  }

  // The state that comes next; UNSPECIFIED once the stream has ended.
  job::v1::JobState Next() {
    return reader_->Read(&last_) ? last_.job().state() : job::v1::JOB_STATE_UNSPECIFIED;
  }
  const job::v1::Job& last() const { return last_.job(); }
  absl::Status Finish() { return rpc::FromGrpcStatus(reader_->Finish()); }
  void Leave() { context_.TryCancel(); }

 private:
  grpc::ClientContext context_;
  std::unique_ptr<grpc::ClientReader<job::v1::WatchJobResponse>> reader_;
  job::v1::WatchJobResponse last_;
};

TEST_F(JobServiceTest, AWatchShowsEachChangeAndEndsAtAFinalState) {
  ASSERT_THAT(Submit("r1", ShareSpec({"NYC"})), IsOk());
  Watch watch(*stub_, "CEN00001");
  EXPECT_EQ(watch.Next(), job::v1::JOB_STATE_PENDING);
  EXPECT_EQ(watch.last().spec().target().sites().count(), 1);
  EXPECT_TRUE(watch.last().spec().target().sites().site_codes().empty()) << "said once by GetJob";
  site_.db.Execute("UPDATE waybill.job SET state = 2");
  EXPECT_EQ(watch.Next(), job::v1::JOB_STATE_ACTIVE);
  site_.db.Execute("UPDATE waybill.job SET state = 3, reason = 'UNREACHABLE: x'");
  EXPECT_EQ(watch.Next(), job::v1::JOB_STATE_RETRYING);
  site_.db.Execute("UPDATE waybill.job SET state = 4, reason = ''");
  EXPECT_EQ(watch.Next(), job::v1::JOB_STATE_COMPLETE);
  EXPECT_EQ(watch.Next(), job::v1::JOB_STATE_UNSPECIFIED);
  EXPECT_THAT(watch.Finish(), IsOk());
}

TEST_F(JobServiceTest, AWatchOfAJobThatHasEndedSaysItOnce) {
  ASSERT_THAT(Submit("r1", ShareSpec({"NYC"})), IsOk());
  ASSERT_THAT(Cancel("CEN00001"), IsOk());
  Watch watch(*stub_, "CEN00001");
  EXPECT_EQ(watch.Next(), job::v1::JOB_STATE_CANCELLED);
  EXPECT_EQ(watch.Next(), job::v1::JOB_STATE_UNSPECIFIED);
  EXPECT_THAT(watch.Finish(), IsOk());
}

TEST_F(JobServiceTest, AWatchOfAnUnknownJobIsNotFound) {
  Watch unknown(*stub_, "CEN00009");
  EXPECT_THAT(unknown.Finish(), StatusIs(StatusCode::kNotFound));
  Watch malformed(*stub_, "x");
  EXPECT_THAT(malformed.Finish(), StatusIs(StatusCode::kInvalidArgument));
}

TEST_F(JobServiceTest, AWatchTellsItsCallerToComeAgainWhenTheServerDrains) {
  ASSERT_THAT(Submit("r1", ShareSpec({"NYC"})), IsOk());
  Watch watch(*stub_, "CEN00001");
  EXPECT_EQ(watch.Next(), job::v1::JOB_STATE_PENDING);
  streams_.Drain();
  EXPECT_EQ(watch.Next(), job::v1::JOB_STATE_UNSPECIFIED);
  EXPECT_THAT(watch.Finish(), StatusIs(StatusCode::kUnavailable));
}

TEST_F(JobServiceTest, AWatcherThatLeavesFreesItsStream) {
  ASSERT_THAT(Submit("r1", ShareSpec({"NYC"})), IsOk());
  for (int i = 0; i < 4; ++i) {  // There is one thread: the next watch waits for the last to end.
    Watch watch(*stub_, "CEN00001");
    EXPECT_EQ(watch.Next(), job::v1::JOB_STATE_PENDING);
    watch.Leave();
    EXPECT_THAT(watch.Finish(), StatusIs(StatusCode::kCancelled));
  }
}

}  // namespace
}  // namespace waybill::scheduler
