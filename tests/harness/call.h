#ifndef WAYBILL_TESTS_HARNESS_CALL_H_
#define WAYBILL_TESTS_HARNESS_CALL_H_

#include <utility>

#include <grpcpp/client_context.h>
#include <grpcpp/support/status.h>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

#include "common/rpc/channel.h"
#include "common/rpc/grpc_status.h"
#include "tests/harness/require.h"

namespace waybill::harness {

/// One unary call: TryCall<GetJobResponse>([&](auto* context, auto* response) {
/// return stub->GetJob(context, request, response); }).
template <typename Response, typename Method>
absl::StatusOr<Response> TryCall(Method&& method) {
  grpc::ClientContext context;
  context.set_wait_for_ready(true);  // A service that was just restarted may need a moment.
  rpc::SetDeadline(context, absl::Seconds(20));
  Response response;
  const grpc::Status status = std::forward<Method>(method)(&context, &response);
  if (!status.ok()) {
    return rpc::FromGrpcStatus(status);
  }
  return response;
}

/// The same for verbs: throws unless OK.
template <typename Response, typename Method>
Response MustCall(absl::string_view what, Method&& method) {
  return Require(TryCall<Response>(std::forward<Method>(method)), what);
}

}  // namespace waybill::harness

#endif  // WAYBILL_TESTS_HARNESS_CALL_H_
