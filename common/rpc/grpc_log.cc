#include "common/rpc/grpc_log.h"

#include <grpc/support/log.h>

#include "absl/strings/match.h"
#include "absl/strings/string_view.h"

#include "common/logging/log.h"

namespace waybill::rpc {
namespace {

// Said on every handshake, since our certificates hold identities and no host names.
constexpr absl::string_view kNoise = "No match found for server name";

void Write(gpr_log_func_args* entry) {
  if (!absl::StrContains(entry->message, kNoise)) {
    log::Warning("gRPC", {{"text", entry->message}, {"source_line", entry->line}});
  }
}

}  // namespace

void RouteGrpcLog() {
  gpr_set_log_function(Write);
}

}  // namespace waybill::rpc
