#ifndef WAYBILL_SERVICES_SENDER_SENDER_SERVICE_H_
#define WAYBILL_SERVICES_SENDER_SENDER_SERVICE_H_

#include <grpcpp/server_context.h>
#include <grpcpp/support/server_callback.h>

#include "absl/status/statusor.h"

#include "common/rpc/call_context.h"
#include "common/thread/executor.h"
#include "services/sender/send_store.h"

#include "waybill/sender/v1/sender_service.grpc.pb.h"

namespace waybill::sender {

/// The queue for administrators. What is borrowed outlives the server.
class SenderService final : public v1::SenderService::CallbackService {
 public:
  SenderService(SendStore& store, Executor& calls) : store_(store), calls_(calls) {}

  grpc::ServerUnaryReactor* ListSendRequests(grpc::CallbackServerContext* context,
                                             const v1::ListSendRequestsRequest* request,
                                             v1::ListSendRequestsResponse* response) override;

  /// The handler itself.
  absl::StatusOr<v1::ListSendRequestsResponse> List(const v1::ListSendRequestsRequest& request,
                                                    const rpc::CallContext& call);

 private:
  SendStore& store_;
  Executor& calls_;
};

}  // namespace waybill::sender

#endif  // WAYBILL_SERVICES_SENDER_SENDER_SERVICE_H_
