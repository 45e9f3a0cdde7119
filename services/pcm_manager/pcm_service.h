#ifndef WAYBILL_SERVICES_PCM_MANAGER_PCM_SERVICE_H_
#define WAYBILL_SERVICES_PCM_MANAGER_PCM_SERVICE_H_

#include <cstdint>
#include <functional>
#include <string>
#include <utility>

#include <grpcpp/server_context.h>
#include <grpcpp/support/server_callback.h>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

#include "common/rpc/call_context.h"
#include "common/thread/executor.h"
#include "services/pcm_manager/definition_files.h"
#include "services/pcm_manager/pcm_store.h"

#include "waybill/pcm/v1/pcm_service.grpc.pb.h"

namespace waybill::pcm_manager {

/// What workstations of this site ask. The workstation is the one of the certificate, always; no
/// request can name another. What is borrowed outlives the server.
class PcmService final : public pcm::v1::PcmService::CallbackService {
 public:
  struct Parts {
    std::string site_code;
    absl::Duration pcm_poll_interval;
    ServedFiles& served;
    PcmStore& store;
    Executor& calls;
    /// The workstation has this file. False: say it again at its next poll.
    std::function<bool(const std::string& sms_id, std::int64_t offer_version)> acknowledge;
    std::function<void(absl::string_view channel)> notify;
    std::function<absl::Time()> server_now;  ///< The job database's clock, as far as known.
  };

  explicit PcmService(Parts parts) : parts_(std::move(parts)) {}

  grpc::ServerUnaryReactor* Poll(grpc::CallbackServerContext* context,
                                 const pcm::v1::PollRequest* request,
                                 pcm::v1::PollResponse* response) override;
  grpc::ServerUnaryReactor* StartRun(grpc::CallbackServerContext* context,
                                     const pcm::v1::StartRunRequest* request,
                                     pcm::v1::StartRunResponse* response) override;
  grpc::ServerUnaryReactor* ReportResult(grpc::CallbackServerContext* context,
                                         const pcm::v1::ReportResultRequest* request,
                                         pcm::v1::ReportResultResponse* response) override;

  // The handlers themselves.
  absl::StatusOr<pcm::v1::PollResponse> AnswerPoll(const pcm::v1::PollRequest& request,
                                                   const rpc::CallContext& call);
  absl::StatusOr<pcm::v1::StartRunResponse> AnswerStartRun(const pcm::v1::StartRunRequest& request,
                                                           const rpc::CallContext& call);
  absl::StatusOr<pcm::v1::ReportResultResponse> AnswerReportResult(
      const pcm::v1::ReportResultRequest& request, const rpc::CallContext& call);

 private:
  absl::StatusOr<std::string> WorkstationOf(const rpc::CallContext& call) const;

  const Parts parts_;
};

}  // namespace waybill::pcm_manager

#endif  // WAYBILL_SERVICES_PCM_MANAGER_PCM_SERVICE_H_
