#include "services/pcm/site_client.h"

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>

#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>
#include <grpcpp/support/status.h>

#include "absl/base/thread_annotations.h"
#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"

#include "common/model/access.h"
#include "common/model/definition_file.h"
#include "common/model/proto_time.h"
#include "common/rpc/channel.h"
#include "common/rpc/grpc_status.h"
#include "common/rpc/identity.h"
#include "common/rpc/tls.h"
#include "common/status/status_macros.h"
#include "common/thread/mutex.h"
#include "services/pcm/history.h"

#include "waybill/pcm/v1/pcm_service.grpc.pb.h"
#include "waybill/pcm/v1/pcm_service.pb.h"

namespace waybill::pcm {
namespace {

constexpr absl::Duration kCallLimit = absl::Seconds(10);
constexpr std::int32_t kMessageBytesMax = model::kDefinitionBytesMax + (64 << 10);

v1::RunOutcome ToProto(RunOutcome outcome) {
  switch (outcome) {
    case RunOutcome::kExited:
      return v1::RUN_OUTCOME_EXITED;
    case RunOutcome::kTimedOut:
      return v1::RUN_OUTCOME_TIMED_OUT;
    case RunOutcome::kNotStarted:
      return v1::RUN_OUTCOME_NOT_STARTED;
    case RunOutcome::kInterrupted:
      return v1::RUN_OUTCOME_INTERRUPTED;
    case RunOutcome::kKilled:
      return v1::RUN_OUTCOME_KILLED;
  }
  return v1::RUN_OUTCOME_UNSPECIFIED;
}

/// A channel on which a call failed is replaced. Blocking calls are what drives the handshakes of
/// their channel, and on one that has failed they return at once, so it would hardly ever recover.
class GrpcSiteClient final : public SiteClient {
 public:
  using Connect = std::function<std::shared_ptr<grpc::Channel>()>;

  explicit GrpcSiteClient(Connect connect) : connect_(std::move(connect)) {}

  absl::StatusOr<PollAnswer> Poll(std::int64_t known_offer_version) override {
    grpc::ClientContext context;
    rpc::SetDeadline(context, kCallLimit);
    v1::PollRequest request;
    request.set_known_offer_version(known_offer_version);
    v1::PollResponse response;
    WAYBILL_RETURN_IF_ERROR(
        Call([&](v1::PcmService::Stub& stub) { return stub.Poll(&context, request, &response); }));
    PollAnswer answer;
    answer.offer_version = response.offer_version();
    answer.definition = std::move(*response.mutable_definition());
    WAYBILL_ASSIGN_OR_RETURN(answer.next_poll_after,
                             model::FromProto("next_poll_after", response.next_poll_after()));
    WAYBILL_ASSIGN_OR_RETURN(answer.server_time,
                             model::FromProto("server_time", response.server_time()));
    return answer;
  }

  absl::StatusOr<std::string> StartRun(const std::string& job_id,
                                       const std::string& run_id) override {
    grpc::ClientContext context;
    rpc::SetDeadline(context, kCallLimit);
    v1::StartRunRequest request;
    request.set_job_id(job_id);
    request.set_run_id(run_id);
    v1::StartRunResponse response;
    WAYBILL_RETURN_IF_ERROR(Call(
        [&](v1::PcmService::Stub& stub) { return stub.StartRun(&context, request, &response); }));
    return response.run_token();
  }

  absl::Status ReportResult(const RunRecord& record) override {
    grpc::ClientContext context;
    rpc::SetDeadline(context, kCallLimit);
    v1::ReportResultRequest request;
    request.set_job_id(record.job_id);
    request.set_run_token(record.run_token);
    request.set_outcome(ToProto(record.outcome));
    request.set_exit_code(record.exit_code);
    request.set_output(record.output);
    request.set_detail(record.detail);
    if (record.outcome != RunOutcome::kNotStarted) {
      *request.mutable_start_time() = model::ToProto(record.start_time);
      *request.mutable_run_duration() = model::ToProto(record.run_duration);
    }
    v1::ReportResultResponse response;
    return Call([&](v1::PcmService::Stub& stub) {
      return stub.ReportResult(&context, request, &response);
    });
  }

 private:
  using Stub = v1::PcmService::Stub;

  absl::Status Call(absl::FunctionRef<grpc::Status(Stub&)> method) {
    const std::shared_ptr<Stub> stub = GetStub();
    const absl::Status status = rpc::FromGrpcStatus(method(*stub));
    if (absl::IsUnavailable(status) || absl::IsDeadlineExceeded(status)) {
      Discard(stub);
    }
    return status;
  }

  std::shared_ptr<Stub> GetStub() {
    const MutexLock lock(mutex_);
    if (stub_ == nullptr) {
      stub_ = v1::PcmService::NewStub(connect_());
    }
    return stub_;
  }

  void Discard(const std::shared_ptr<Stub>& failed) {
    const MutexLock lock(mutex_);
    if (stub_ == failed) {
      stub_ = nullptr;
    }
  }

  const Connect connect_;
  Mutex mutex_;
  std::shared_ptr<Stub> stub_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace

std::unique_ptr<SiteClient> MakeSiteClient(const std::string& server, const std::string& site_code,
                                           const rpc::TlsIdentity& tls) {
  return std::make_unique<GrpcSiteClient>([server, site_code, &tls] {
    return rpc::MakeChannel({.target = server,
                             .server = {.role = rpc::Role::kService,
                                        .site_code = site_code,
                                        .name = model::kPcmManagerName},
                             .message_bytes_max = kMessageBytesMax},
                            tls);
  });
}

}  // namespace waybill::pcm
