#include "common/rpc/grpc_status.h"

#include <string>

#include <grpcpp/support/status.h>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

#include "common/logging/log.h"

namespace waybill::rpc {
namespace {

bool IsForTheLog(absl::StatusCode code) {
  return code == absl::StatusCode::kInternal || code == absl::StatusCode::kUnknown ||
         code == absl::StatusCode::kDataLoss;
}

}  // namespace

grpc::Status ToGrpcStatus(const absl::Status& status, absl::string_view method) {
  if (status.ok()) {
    return grpc::Status::OK;
  }
  if (IsForTheLog(status.code())) {
    log::Error("call failed", {{"method", method}, {"error", status}});
  }
  const auto code = static_cast<grpc::StatusCode>(status.code());
  if (status.code() == absl::StatusCode::kInternal) {
    return {code, "internal error; see the server's log"};
  }
  return {code, std::string(status.message().substr(0, kStatusTextBytesMax))};
}

absl::Status FromGrpcStatus(const grpc::Status& status) {
  return {static_cast<absl::StatusCode>(status.error_code()), status.error_message()};
}

}  // namespace waybill::rpc
