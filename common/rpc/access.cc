#include "common/rpc/access.h"

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <grpcpp/security/auth_context.h>
#include <grpcpp/security/auth_metadata_processor.h>
#include <grpcpp/support/status.h>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

#include "common/logging/log.h"
#include "common/rpc/call_metrics.h"
#include "common/rpc/grpc_status.h"
#include "common/rpc/identity.h"

namespace waybill::rpc {
namespace {

class AccessCheck final : public grpc::AuthMetadataProcessor {
 public:
  AccessCheck(AccessTable table, std::shared_ptr<const CallsInProgress> calls)
      : table_(std::move(table)), calls_(std::move(calls)) {}

  // No I/O: gRPC may run it on the thread that reads the connection.
  bool IsBlocking() const override { return false; }

  grpc::Status Process(const InputMetadata& metadata, grpc::AuthContext* context,
                       OutputMetadata* /*consumed*/, OutputMetadata* /*response*/) override {
    const auto path = metadata.find(":path");
    if (path == metadata.end()) {
      return Refuse("", {}, absl::InternalError("gRPC gave no method name"));
    }
    const std::string method(path->second.data(), path->second.size());
    const absl::StatusOr<Identity> identity = IdentityOf(*context);
    if (!identity.ok()) {
      return Refuse(method, {}, identity.status());
    }
    if (calls_->IsClosed()) {
      return ToGrpcStatus(absl::UnavailableError("the service is stopping"), method);
    }
    const absl::Status allowed = table_.Check(*identity, method);
    return allowed.ok() ? grpc::Status::OK : Refuse(method, *identity, allowed);
  }

 private:
  grpc::Status Refuse(const std::string& method, const Identity& identity,
                      const absl::Status& why) const {
    log::Warning("call refused", {{"method", method}, {"caller", ToUri(identity)}, {"error", why}});
    // A peer may invent methods without end; series of a metric may not grow with them.
    RecordCall(table_.Knows(method) ? method : "unlisted", why.code(), absl::ZeroDuration());
    return ToGrpcStatus(why, method);
  }

  const AccessTable table_;
  const std::shared_ptr<const CallsInProgress> calls_;
};

bool Allows(const std::vector<Caller>& callers, const Identity& identity) {
  for (const Caller& caller : callers) {
    if (caller.role == identity.role && (caller.name.empty() || caller.name == identity.name)) {
      return true;
    }
  }
  return false;
}

}  // namespace

AccessTable::AccessTable(const std::vector<AccessRule>& rules) {
  for (const AccessRule& rule : rules) {
    std::vector<Caller>& callers = callers_[rule.method];
    callers.insert(callers.end(), rule.callers.begin(), rule.callers.end());
  }
}

absl::Status AccessTable::Check(const Identity& identity, absl::string_view method) const {
  const auto row = callers_.find(std::string(method));
  if (row != callers_.end() && identity.role != Role::kNone && Allows(row->second, identity)) {
    return absl::OkStatus();
  }
  return absl::PermissionDeniedError(
      absl::StrCat(ToString(identity.role), " '", identity.name, "' may not call ", method));
}

bool AccessTable::Knows(absl::string_view method) const {
  return callers_.contains(std::string(method));
}

std::shared_ptr<grpc::AuthMetadataProcessor> MakeAccessCheck(
    AccessTable table, std::shared_ptr<const CallsInProgress> calls) {
  return std::make_shared<AccessCheck>(std::move(table), std::move(calls));
}

}  // namespace waybill::rpc
