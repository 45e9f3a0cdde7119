#include "common/rpc/call_metrics.h"

#include <string>

#include <google/protobuf/descriptor.h>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

#include "common/metrics/metrics.h"

namespace waybill::rpc {

void RecordCall(absl::string_view method, absl::StatusCode code, absl::Duration elapsed) {
  static metrics::CounterFamily& handled = *new metrics::CounterFamily(
      "grpc_server_handled_total", "Calls that ended, by method and status code.",
      {"method", "code"});
  static metrics::HistogramFamily& seconds = *new metrics::HistogramFamily(
      "grpc_server_handling_seconds", "Time from the arrival of a call to its end.", {"method"});
  handled.With({method, absl::StatusCodeToString(code)}).Increment();
  if (elapsed > absl::ZeroDuration()) {
    seconds.With({method}).Observe(absl::ToDoubleSeconds(elapsed));
  }
}

std::string FindMethodName(const google::protobuf::Descriptor& request,
                           const google::protobuf::Descriptor& response) {
  const google::protobuf::FileDescriptor& file = *request.file();
  for (int s = 0; s < file.service_count(); ++s) {
    const google::protobuf::ServiceDescriptor& service = *file.service(s);
    for (int m = 0; m < service.method_count(); ++m) {
      const google::protobuf::MethodDescriptor& method = *service.method(m);
      if (method.input_type() == &request && method.output_type() == &response) {
        return absl::StrCat("/", service.full_name(), "/", method.name());
      }
    }
  }
  return absl::StrCat("/", request.full_name());
}

}  // namespace waybill::rpc
