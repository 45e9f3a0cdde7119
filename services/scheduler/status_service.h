#ifndef WAYBILL_SERVICES_SCHEDULER_STATUS_SERVICE_H_
#define WAYBILL_SERVICES_SCHEDULER_STATUS_SERVICE_H_

#include <functional>

#include <grpcpp/server_context.h>
#include <grpcpp/support/server_callback.h>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

#include "common/rpc/call_context.h"
#include "common/rpc/stream.h"
#include "common/thread/executor.h"
#include "services/scheduler/status_store.h"

#include "waybill/status/v1/status_service.grpc.pb.h"

namespace waybill::scheduler {

/// Serves waybill.status.v1.StatusService to the Schedulers of direct children. The contract is in
/// the proto file. Everything in Dependencies is borrowed and outlives the server.
class StatusService final : public status::v1::StatusService::CallbackService {
 public:
  struct Dependencies {
    StatusStore& store;
    Executor& streams;  // One thread for each child that is connected.
    std::function<void(absl::string_view)> notify;
  };

  explicit StatusService(Dependencies dependencies) : deps_(std::move(dependencies)) {}

  grpc::ServerBidiReactor<status::v1::ReportStatusRequest, status::v1::ReportStatusResponse>*
  ReportStatus(grpc::CallbackServerContext* context) override;

 private:
  absl::Status Report(const rpc::CallContext& call,
                      rpc::Source<status::v1::ReportStatusRequest>& source,
                      rpc::Sink<status::v1::ReportStatusResponse>& sink);

  const Dependencies deps_;
};

}  // namespace waybill::scheduler

#endif  // WAYBILL_SERVICES_SCHEDULER_STATUS_SERVICE_H_
