#include "services/pcm_manager/pcm_service.h"

#include <cstddef>
#include <functional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"

#include "common/logging/log.h"
#include "common/model/channels.h"
#include "common/model/ids.h"
#include "common/model/proto_time.h"
#include "common/random/random_id.h"
#include "common/rpc/call_context.h"
#include "common/rpc/identity.h"
#include "common/rpc/unary_call.h"
#include "common/status/status_macros.h"
#include "common/text/utf8.h"
#include "services/pcm_manager/definition_files.h"
#include "services/pcm_manager/pcm_store.h"
#include "services/pcm_manager/run_rules.h"

#include "waybill/pcm/v1/pcm_service.pb.h"

namespace waybill::pcm_manager {
namespace {

constexpr int kOutputBytesMax = 4096;
constexpr int kDetailBytesMax = 1000;
constexpr std::size_t kTokenBytesMax = 64;

absl::Status NotRegistered(const std::string& sms_id) {
  return absl::NotFoundError(
      absl::StrCat("workstation ", sms_id, " is not registered at this site"));
}

RunEnd ToRunEnd(pcm::v1::RunOutcome outcome) {
  switch (outcome) {
    case pcm::v1::RUN_OUTCOME_EXITED:
      return RunEnd::kExited;
    case pcm::v1::RUN_OUTCOME_TIMED_OUT:
      return RunEnd::kTimedOut;
    case pcm::v1::RUN_OUTCOME_NOT_STARTED:
      return RunEnd::kNotStarted;
    case pcm::v1::RUN_OUTCOME_INTERRUPTED:
      return RunEnd::kInterrupted;
    case pcm::v1::RUN_OUTCOME_KILLED:
      return RunEnd::kKilled;
    default:  // Also what a newer agent may say.
      return RunEnd::kUnknown;
  }
}

absl::StatusOr<RunResult> ToResult(const pcm::v1::ReportResultRequest& request) {
  RunResult result;
  result.end = ToRunEnd(request.outcome());
  result.exit_code = request.exit_code();
  result.output = text::ToUtf8(request.output(), kOutputBytesMax);
  result.detail = text::ToUtf8(request.detail(), kDetailBytesMax);
  if (request.has_run_duration()) {
    WAYBILL_ASSIGN_OR_RETURN(result.run_duration,
                             model::FromProto("run_duration", request.run_duration()));
    if (*result.run_duration < absl::ZeroDuration()) {
      return absl::InvalidArgumentError("run_duration must not be negative");
    }
  }
  if (request.has_start_time()) {
    WAYBILL_ASSIGN_OR_RETURN(result.start_time,
                             model::FromProto("start_time", request.start_time()));
  }
  return result;
}

}  // namespace

absl::StatusOr<std::string> PcmService::WorkstationOf(const rpc::CallContext& call) const {
  const rpc::Identity& identity = call.identity();
  if (identity.role != rpc::Role::kWorkstation || identity.site_code != parts_.site_code) {
    return absl::PermissionDeniedError(
        absl::StrCat(rpc::ToUri(identity), " is not a workstation of site ", parts_.site_code));
  }
  if (!model::CheckSmsId("sms_id", identity.name).ok()) {
    return NotRegistered(identity.name);
  }
  return identity.name;
}

absl::StatusOr<pcm::v1::PollResponse> PcmService::AnswerPoll(const pcm::v1::PollRequest& request,
                                                             const rpc::CallContext& call) {
  WAYBILL_ASSIGN_OR_RETURN(const std::string sms_id, WorkstationOf(call));
  const ServedFiles::Answer answer = parts_.served.Poll(sms_id, request.known_offer_version());
  if (!answer.is_known) {
    WAYBILL_ASSIGN_OR_RETURN(const bool registered, parts_.store.HasWorkstation(sms_id));
    if (!registered) return NotRegistered(sms_id);
    parts_.served.AddRegistered(sms_id);
  }
  const absl::Time now = parts_.server_now();
  pcm::v1::PollResponse response;
  *response.mutable_server_time() = model::ToProto(now);
  const absl::Duration next = NextPollAfter(
      sms_id, parts_.pcm_poll_interval,
      answer.file == nullptr ? std::vector<absl::Time>() : answer.file->offer_afters, now);
  *response.mutable_next_poll_after() = model::ToProto(next);
  if (answer.file == nullptr) {
    return response;
  }
  response.set_offer_version(answer.file->offer_version);
  // Not only a newer one: after the site's database was restored from a backup, what the
  // workstation has may be of a time that no longer was.
  if (request.known_offer_version() != answer.file->offer_version) {
    response.set_definition(answer.file->bytes);
  }
  if (answer.is_first_sight && parts_.acknowledge(sms_id, answer.file->offer_version)) {
    parts_.served.MarkSeen(sms_id, answer.file->offer_version);
  }
  return response;
}

absl::StatusOr<pcm::v1::StartRunResponse> PcmService::AnswerStartRun(
    const pcm::v1::StartRunRequest& request, const rpc::CallContext& call) {
  WAYBILL_ASSIGN_OR_RETURN(const std::string sms_id, WorkstationOf(call));
  WAYBILL_RETURN_IF_ERROR(model::CheckJobId("job_id", request.job_id()));
  WAYBILL_RETURN_IF_ERROR(model::CheckRequestId("run_id", request.run_id()));
  const absl::StatusOr<RunGrant> grant = parts_.store.StartRun(
      {.job_id = request.job_id(), .sms_id = sms_id}, request.run_id(), RandomId());
  if (!grant.ok()) {
    log::Info("run refused", {{"sms_id", sms_id},
                              {"job_id", request.job_id()},
                              {"run_id", request.run_id()},
                              {"error", grant.status()}});
    if (absl::IsFailedPrecondition(grant.status())) {  // May have been revoked.
      parts_.notify(model::kOutboxChannel);
      parts_.notify(model::kJobChannel);
    }
    return grant.status();
  }
  if (grant->is_new) {
    log::Info("run granted", {{"sms_id", sms_id},
                              {"job_id", request.job_id()},
                              {"run_id", request.run_id()},
                              {"attempt", grant->attempt}});
    parts_.notify(model::kOutboxChannel);
    parts_.notify(model::kJobChannel);
  }
  pcm::v1::StartRunResponse response;
  response.set_run_token(grant->run_token);
  response.set_attempt(grant->attempt);
  return response;
}

absl::StatusOr<pcm::v1::ReportResultResponse> PcmService::AnswerReportResult(
    const pcm::v1::ReportResultRequest& request, const rpc::CallContext& call) {
  WAYBILL_ASSIGN_OR_RETURN(const std::string sms_id, WorkstationOf(call));
  WAYBILL_RETURN_IF_ERROR(model::CheckJobId("job_id", request.job_id()));
  if (request.run_token().empty() || request.run_token().size() > kTokenBytesMax) {
    return absl::InvalidArgumentError("run_token is not one of StartRun");
  }
  WAYBILL_ASSIGN_OR_RETURN(const RunResult result, ToResult(request));
  WAYBILL_ASSIGN_OR_RETURN(const bool changed,
                           parts_.store.PutResult({.job_id = request.job_id(), .sms_id = sms_id},
                                                  request.run_token(), result));
  log::Info(changed ? "result recorded" : "result repeated, or too late",
            {{"sms_id", sms_id},
             {"job_id", request.job_id()},
             {"outcome", pcm::v1::RunOutcome_Name(request.outcome())},
             {"exit_code", request.exit_code()}});
  if (changed) {
    parts_.notify(model::kDefinitionChannel);
    parts_.notify(model::kOutboxChannel);
    parts_.notify(model::kJobChannel);
  }
  return pcm::v1::ReportResultResponse();
}

grpc::ServerUnaryReactor* PcmService::Poll(grpc::CallbackServerContext* context,
                                           const pcm::v1::PollRequest* request,
                                           pcm::v1::PollResponse* response) {
  return rpc::HandleUnary(parts_.calls, *context, *request, *response,
                          std::bind_front(&PcmService::AnswerPoll, this));
}

grpc::ServerUnaryReactor* PcmService::StartRun(grpc::CallbackServerContext* context,
                                               const pcm::v1::StartRunRequest* request,
                                               pcm::v1::StartRunResponse* response) {
  return rpc::HandleUnary(parts_.calls, *context, *request, *response,
                          std::bind_front(&PcmService::AnswerStartRun, this));
}

grpc::ServerUnaryReactor* PcmService::ReportResult(grpc::CallbackServerContext* context,
                                                   const pcm::v1::ReportResultRequest* request,
                                                   pcm::v1::ReportResultResponse* response) {
  return rpc::HandleUnary(parts_.calls, *context, *request, *response,
                          std::bind_front(&PcmService::AnswerReportResult, this));
}

}  // namespace waybill::pcm_manager
