#ifndef WAYBILL_COMMON_RPC_CALL_METRICS_H_
#define WAYBILL_COMMON_RPC_CALL_METRICS_H_

#include <string>

#include <google/protobuf/descriptor.h>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace waybill::rpc {

/// Counts one finished call in grpc_server_handled_total{method,code} and, if it ran, its time in
/// grpc_server_handling_seconds{method}. `method` must come from a bounded set. Thread-safe.
void RecordCall(absl::string_view method, absl::StatusCode code, absl::Duration elapsed);

/// "/package.Service/Method" of the method with these messages, which the callback API does not
/// tell. Exact because each method has messages of its own, declared in its service's file;
/// otherwise the request's name stands in.
std::string FindMethodName(const google::protobuf::Descriptor& request,
                           const google::protobuf::Descriptor& response);

/// The same, found once.
template <typename Request, typename Response>
const std::string& MethodName() {
  static const std::string& name =
      *new std::string(FindMethodName(*Request::descriptor(), *Response::descriptor()));
  return name;
}

}  // namespace waybill::rpc

#endif  // WAYBILL_COMMON_RPC_CALL_METRICS_H_
