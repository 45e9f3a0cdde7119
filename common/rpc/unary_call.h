#ifndef WAYBILL_COMMON_RPC_UNARY_CALL_H_
#define WAYBILL_COMMON_RPC_UNARY_CALL_H_

#include <functional>
#include <type_traits>
#include <utility>

#include <grpcpp/server_context.h>
#include <grpcpp/support/server_callback.h>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "common/rpc/call_context.h"
#include "common/rpc/call_metrics.h"
#include "common/rpc/grpc_status.h"
#include "common/rpc/stopwatch.h"
#include "common/thread/executor.h"

namespace waybill::rpc {

/// An ordinary blocking function that answers one call.
template <typename Request, typename Response>
using UnaryHandler = std::function<absl::StatusOr<Response>(const Request&, const CallContext&)>;

/// The life of one unary call.
///
///   method returns      an executor thread takes it     gRPC has sent the answer
///   admitted ----------> waiting -------> running ----------------> OnDone: deleted
///      |  executor full                      ^ OnCancel may come at any time
///      +-------------------------------------+------> refused ----> OnDone: deleted
///
/// gRPC keeps `request` and `response` until OnDone, and calls OnDone only after Finish.
template <typename Request, typename Response>
class UnaryCall final : public grpc::ServerUnaryReactor {
 public:
  UnaryCall(const grpc::CallbackServerContext& context, const Request& request, Response& response,
            UnaryHandler<Request, Response> handler)
      : context_(context), request_(request), response_(response), handler_(std::move(handler)) {}

  void Start(Executor& executor) {
    const absl::Status admitted = Admit(executor, [this] { Run(); });
    if (!admitted.ok()) {
      End(admitted);
    }
  }

  void OnCancel() override { context_.Cancel(); }
  void OnDone() override { delete this; }

 private:
  void Run() {
    // While it waited for a thread: nobody is left to read an answer.
    if (const absl::Status cancelled = context_.CancelStatus(); !cancelled.ok()) {
      return End(cancelled);
    }
    absl::StatusOr<Response> result = handler_(request_, context_);
    if (result.ok()) {
      response_ = *std::move(result);
      return End(absl::OkStatus());
    }
    End(result.status());
  }

  void End(const absl::Status& status) {
    const std::string& method = MethodName<Request, Response>();
    RecordCall(method, status.code(), stopwatch_.Elapsed());
    Finish(ToGrpcStatus(status, method));  // `this` may be gone from here on.
  }

  CallContext context_;
  const Stopwatch stopwatch_;
  const Request& request_;
  Response& response_;
  const UnaryHandler<Request, Response> handler_;
};

/// The body of every unary method of a callback service: runs `handler` on `executor`. The caller
/// gets RESOURCE_EXHAUSTED when the executor is full.
template <typename Request, typename Response>
grpc::ServerUnaryReactor* HandleUnary(
    Executor& executor, const grpc::CallbackServerContext& context, const Request& request,
    Response& response, std::type_identity_t<UnaryHandler<Request, Response>> handler) {
  auto* call = new UnaryCall<Request, Response>(context, request, response, std::move(handler));
  call->Start(executor);
  return call;
}

}  // namespace waybill::rpc

#endif  // WAYBILL_COMMON_RPC_UNARY_CALL_H_
