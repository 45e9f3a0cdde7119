#ifndef WAYBILL_COMMON_RPC_ACCESS_H_
#define WAYBILL_COMMON_RPC_ACCESS_H_

#include <map>
#include <memory>
#include <string>
#include <vector>

#include <grpcpp/security/auth_metadata_processor.h>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

#include "common/rpc/calls_in_progress.h"
#include "common/rpc/identity.h"

namespace waybill::rpc {

/// Who may call: a role and, if `name` is not empty, only the holder of that name (for instance the
/// service "sender").
struct Caller {
  Role role = Role::kNone;
  std::string name = {};
};

/// One row of the table method x role. `method` is as gRPC's path:
/// "/waybill.job.v1.JobService/GetJob".
struct AccessRule {
  std::string method;
  std::vector<Caller> callers;
};

/// Which method who may call; what is not listed nobody may. Whether the caller's *site* fits is
/// for the handler, which knows the hierarchy: CallContext::identity(). Immutable.
class AccessTable {
 public:
  explicit AccessTable(const std::vector<AccessRule>& rules);

  /// PERMISSION_DENIED, naming role and method, unless a rule allows it.
  absl::Status Check(const Identity& identity, absl::string_view method) const;

  /// Whether any rule names `method`: bounds the labels of metrics.
  bool Knows(absl::string_view method) const;

 private:
  std::map<std::string, std::vector<Caller>, std::less<>> callers_;
};

/// Checks each call of a listener before any handler sees it: the certificate must hold one
/// identity (else UNAUTHENTICATED) and `table` must allow the method (else PERMISSION_DENIED).
/// Refusals are logged and counted in grpc_server_handled_total. Once `calls` is closed it answers
/// UNAVAILABLE. Installed by Listener on its credentials, so no handler can forget it.
std::shared_ptr<grpc::AuthMetadataProcessor> MakeAccessCheck(
    AccessTable table, std::shared_ptr<const CallsInProgress> calls);

}  // namespace waybill::rpc

#endif  // WAYBILL_COMMON_RPC_ACCESS_H_
