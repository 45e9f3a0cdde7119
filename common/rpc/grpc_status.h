#ifndef WAYBILL_COMMON_RPC_GRPC_STATUS_H_
#define WAYBILL_COMMON_RPC_GRPC_STATUS_H_

#include <grpcpp/support/status.h>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace waybill::rpc {

/// Converts a result into what the wire carries; the only place that does.
///
/// The two enums share their numbering, so no code is lost. The text of INTERNAL may name tables,
/// paths or addresses: it is written to our log and the caller gets a fixed text. UNKNOWN and
/// DATA_LOSS are logged too, and keep their text, which a neighbouring site needs. A text longer
/// than kStatusTextBytesMax is cut, since it travels as a header.
grpc::Status ToGrpcStatus(const absl::Status& status, absl::string_view method = {});

/// The result of a call we made. Same code, same text.
absl::Status FromGrpcStatus(const grpc::Status& status);

constexpr int kStatusTextBytesMax = 2048;

}  // namespace waybill::rpc

#endif  // WAYBILL_COMMON_RPC_GRPC_STATUS_H_
