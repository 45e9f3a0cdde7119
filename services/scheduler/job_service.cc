#include "services/scheduler/job_service.h"

#include <algorithm>
#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include <grpcpp/server_context.h>
#include <grpcpp/support/server_callback.h>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

#include "common/model/channels.h"
#include "common/model/ids.h"
#include "common/model/proto_time.h"
#include "common/model/reasons.h"
#include "common/model/states.h"
#include "common/rpc/call_context.h"
#include "common/rpc/stopwatch.h"
#include "common/rpc/stream_calls.h"
#include "common/rpc/unary_call.h"
#include "common/status/status_macros.h"
#include "services/scheduler/job_store.h"
#include "services/scheduler/paging.h"

#include "waybill/job/v1/job.pb.h"
#include "waybill/job/v1/job_service.pb.h"

namespace waybill::scheduler {
namespace {

using job::v1::Job;

constexpr int kJobsPageDefault = 100;
constexpr int kJobsPageMax = 1000;
constexpr int kTargetsPageDefault = 1000;
constexpr int kTargetsPageMax = 10000;

// A watch spends at most this part of its time with looking.
constexpr int kWatchRest = 5;

template <typename Enum>
absl::StatusOr<std::vector<Enum>> States(const google::protobuf::RepeatedField<int>& numbers,
                                         bool (*is_valid)(int)) {
  std::vector<Enum> states;
  for (const int number : numbers) {
    if (number == 0 || !is_valid(number)) {
      return absl::InvalidArgumentError(
          absl::StrCat("states: ", number, " is not one of its values"));
    }
    states.push_back(static_cast<Enum>(number));
  }
  return states;
}

// "<microseconds>.<job id>" of the last row of a page.
std::string PageToken(const Job& last) {
  const std::int64_t microseconds =
      last.create_time().seconds() * 1'000'000 + last.create_time().nanos() / 1000;
  return absl::StrCat(microseconds, ".", last.job_id());
}

absl::StatusOr<JobCursor> CursorOf(const std::string& page_token) {
  if (page_token.empty()) {
    return JobCursor();
  }
  const std::vector<absl::string_view> parts = absl::StrSplit(page_token, '.');
  std::int64_t microseconds = 0;
  if (parts.size() != 2 || !absl::SimpleAtoi(parts[0], &microseconds) ||
      !model::CheckJobId("page_token", parts[1]).ok()) {
    return absl::InvalidArgumentError("page_token: is not one that an answer gave");
  }
  return JobCursor{absl::FromUnixMicros(microseconds), std::string(parts[1])};
}

// A watcher is told of each change; the names do not change.
void LeaveOutNames(job::v1::Target& target) {
  if (target.has_workstations()) {
    target.mutable_workstations()->clear_sms_ids();
  } else if (target.has_sites()) {
    target.mutable_sites()->clear_site_codes();
  }
}

}  // namespace

absl::StatusOr<job::v1::SubmitJobResponse> JobService::Submit(
    const job::v1::SubmitJobRequest& request, const rpc::CallContext& /*call*/) {
  WAYBILL_RETURN_IF_ERROR(model::CheckRequestId("request_id", request.request_id()));
  job::v1::SubmitJobResponse response;
  WAYBILL_ASSIGN_OR_RETURN(*response.mutable_job(),
                           deps_.store.Submit(request.request_id(), request.spec()));
  deps_.notify(model::kJobChannel);
  return response;
}

absl::StatusOr<job::v1::GetJobResponse> JobService::Get(const job::v1::GetJobRequest& request,
                                                        const rpc::CallContext& /*call*/) {
  WAYBILL_RETURN_IF_ERROR(model::CheckJobId("job_id", request.job_id()));
  job::v1::GetJobResponse response;
  WAYBILL_ASSIGN_OR_RETURN(*response.mutable_job(), deps_.store.Get(request.job_id()));
  return response;
}

absl::StatusOr<job::v1::ListJobsResponse> JobService::List(const job::v1::ListJobsRequest& request,
                                                           const rpc::CallContext& /*call*/) {
  WAYBILL_ASSIGN_OR_RETURN(const int page_size,
                           PageSize(request.page_size(), kJobsPageDefault, kJobsPageMax));
  WAYBILL_ASSIGN_OR_RETURN(const JobCursor cursor, CursorOf(request.page_token()));
  WAYBILL_ASSIGN_OR_RETURN(const std::vector<job::v1::JobState> states,
                           States<job::v1::JobState>(request.states(), job::v1::JobState_IsValid));
  // One more than asked for tells whether there is a next page.
  WAYBILL_ASSIGN_OR_RETURN(std::vector<Job> jobs, deps_.store.List(states, cursor, page_size + 1));
  job::v1::ListJobsResponse response;
  if (static_cast<int>(jobs.size()) > page_size) {
    jobs.pop_back();
    response.set_next_page_token(PageToken(jobs.back()));
  }
  for (Job& job : jobs) {
    *response.add_jobs() = std::move(job);
  }
  return response;
}

absl::StatusOr<job::v1::ListJobTargetsResponse> JobService::ListTargets(
    const job::v1::ListJobTargetsRequest& request, const rpc::CallContext& /*call*/) {
  WAYBILL_RETURN_IF_ERROR(model::CheckJobId("job_id", request.job_id()));
  WAYBILL_ASSIGN_OR_RETURN(const int page_size,
                           PageSize(request.page_size(), kTargetsPageDefault, kTargetsPageMax));
  if (!request.page_token().empty()) {
    WAYBILL_RETURN_IF_ERROR(model::CheckSmsId("page_token", request.page_token()));
  }
  WAYBILL_ASSIGN_OR_RETURN(
      const std::vector<job::v1::TargetState> states,
      States<job::v1::TargetState>(request.states(), job::v1::TargetState_IsValid));
  WAYBILL_ASSIGN_OR_RETURN(
      Page<job::v1::JobTarget> page,
      deps_.store.ListTargets(request.job_id(), states, request.page_token(), page_size));
  job::v1::ListJobTargetsResponse response;
  if (page.has_next) {
    response.set_next_page_token(page.elements.back().sms_id());
  }
  for (job::v1::JobTarget& target : page.elements) {
    *response.add_targets() = std::move(target);
  }
  return response;
}

absl::StatusOr<job::v1::CancelJobResponse> JobService::Cancel(
    const job::v1::CancelJobRequest& request, const rpc::CallContext& call) {
  WAYBILL_RETURN_IF_ERROR(model::CheckJobId("job_id", request.job_id()));
  WAYBILL_RETURN_IF_ERROR(deps_.store.Cancel(
      request.job_id(),
      model::Reason(model::kCancelled, absl::StrCat("by administrator ", call.identity().name))));
  deps_.notify(model::kJobChannel);
  deps_.notify(model::kSendChannel);
  job::v1::CancelJobResponse response;
  WAYBILL_ASSIGN_OR_RETURN(*response.mutable_job(), deps_.store.Get(request.job_id()));
  return response;
}

absl::Status JobService::Watch(const job::v1::WatchJobRequest& request,
                               const rpc::CallContext& call,
                               rpc::Sink<job::v1::WatchJobResponse>& sink) {
  WAYBILL_RETURN_IF_ERROR(model::CheckJobId("job_id", request.job_id()));
  std::string sent;
  absl::Duration pause;
  do {
    const rpc::Stopwatch look;
    job::v1::WatchJobResponse response;
    WAYBILL_ASSIGN_OR_RETURN(*response.mutable_job(), deps_.store.Get(request.job_id()));
    if (response.job().spec().has_target()) {
      LeaveOutNames(*response.mutable_job()->mutable_spec()->mutable_target());
    }
    const bool is_final = model::IsFinal(response.job().state());
    std::string bytes = response.SerializeAsString();  // No maps in it: equal jobs, equal bytes.
    if (bytes != sent && !sink.Write(std::move(response))) {
      break;
    }
    if (is_final) {
      return absl::OkStatus();
    }
    sent = std::move(bytes);
    pause = std::max(deps_.watch_interval, kWatchRest * look.Elapsed());
  } while (!call.WaitForCancel(pause));
  return absl::CancelledError("the watcher has left");
}

grpc::ServerUnaryReactor* JobService::SubmitJob(grpc::CallbackServerContext* context,
                                                const job::v1::SubmitJobRequest* request,
                                                job::v1::SubmitJobResponse* response) {
  return rpc::HandleUnary(deps_.calls, *context, *request, *response,
                          std::bind_front(&JobService::Submit, this));
}

grpc::ServerUnaryReactor* JobService::GetJob(grpc::CallbackServerContext* context,
                                             const job::v1::GetJobRequest* request,
                                             job::v1::GetJobResponse* response) {
  return rpc::HandleUnary(deps_.calls, *context, *request, *response,
                          std::bind_front(&JobService::Get, this));
}

grpc::ServerUnaryReactor* JobService::ListJobs(grpc::CallbackServerContext* context,
                                               const job::v1::ListJobsRequest* request,
                                               job::v1::ListJobsResponse* response) {
  return rpc::HandleUnary(deps_.calls, *context, *request, *response,
                          std::bind_front(&JobService::List, this));
}

grpc::ServerUnaryReactor* JobService::ListJobTargets(grpc::CallbackServerContext* context,
                                                     const job::v1::ListJobTargetsRequest* request,
                                                     job::v1::ListJobTargetsResponse* response) {
  return rpc::HandleUnary(deps_.calls, *context, *request, *response,
                          std::bind_front(&JobService::ListTargets, this));
}

grpc::ServerUnaryReactor* JobService::CancelJob(grpc::CallbackServerContext* context,
                                                const job::v1::CancelJobRequest* request,
                                                job::v1::CancelJobResponse* response) {
  return rpc::HandleUnary(deps_.calls, *context, *request, *response,
                          std::bind_front(&JobService::Cancel, this));
}

grpc::ServerWriteReactor<job::v1::WatchJobResponse>* JobService::WatchJob(
    grpc::CallbackServerContext* context, const job::v1::WatchJobRequest* request) {
  return rpc::HandleServerStream<job::v1::WatchJobResponse>(
      deps_.streams, *context, *request, std::bind_front(&JobService::Watch, this));
}

}  // namespace waybill::scheduler
