#include "services/despooler/transfer_service.h"

#include <cstdint>
#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "common/rpc/call_context.h"
#include "common/rpc/stream.h"
#include "common/rpc/stream_calls.h"
#include "common/status/status_macros.h"
#include "common/thread/mutex.h"
#include "common/tree/directory.h"
#include "services/despooler/space_rules.h"
#include "services/despooler/transfer_session_service.h"

#include "waybill/transfer/v1/transfer_service.pb.h"

namespace waybill::despooler {

SpaceLedger::SpaceLedger(tree::Directory store, std::vector<tree::Directory> drives,
                         std::int64_t reserve_bytes)
    : store_(std::move(store)), drives_(std::move(drives)), reserve_bytes_(reserve_bytes) {}

SpaceLedger::Reservation::Reservation(SpaceLedger& ledger, SpacePromise promise, SpaceNeed need)
    : ledger_(ledger), promise_(promise), left_(need) {}

SpaceLedger::Reservation::~Reservation() {
  const MutexLock lock(ledger_.mutex_);
  ledger_.Change(promise_, left_, -1);
}

void SpaceLedger::Reservation::Use(std::int64_t store_bytes) {
  const SpaceNeed used = {.store_bytes = std::min(store_bytes, left_.store_bytes)};
  left_.store_bytes -= used.store_bytes;
  const MutexLock lock(ledger_.mutex_);
  ledger_.Change(promise_, used, -1);
}

absl::StatusOr<Place> SpaceLedger::Look(const tree::Directory& directory) const {
  WAYBILL_ASSIGN_OR_RETURN(const tree::SpaceInfo space, directory.Space());
  const auto promised = promised_bytes_.find(space.file_system);
  return Place{.file_system = space.file_system,
               .free_bytes = space.free_bytes,
               .promised_bytes = promised == promised_bytes_.end() ? 0 : promised->second};
}

void SpaceLedger::Change(const SpacePromise& promise, const SpaceNeed& need, std::int64_t sign) {
  promised_bytes_[promise.store_file_system] += sign * need.store_bytes;
  if (need.tree_bytes > 0) {
    promised_bytes_[promise.tree_file_system] += sign * need.tree_bytes;
  }
}

absl::StatusOr<SpaceLedger::Answer> SpaceLedger::Reserve(const SpaceNeed& need) {
  const MutexLock lock(mutex_);
  WAYBILL_ASSIGN_OR_RETURN(const Place store, Look(store_));
  std::vector<Place> drives;
  for (const tree::Directory& drive : drives_) {
    WAYBILL_ASSIGN_OR_RETURN(drives.emplace_back(), Look(drive));
  }
  const SpaceVerdict verdict = CheckSpace(need, store, drives, reserve_bytes_);
  if (verdict.shortage.has_value()) {
    return Answer(*verdict.shortage);
  }
  Change(verdict.promise, need, +1);
  return Answer(std::make_unique<Reservation>(*this, verdict.promise, need));
}

TransferService::TransferService(Deps deps, Options options)
    : deps_(std::move(deps)), options_(options) {}

absl::Status TransferService::Receive(const rpc::CallContext& call,
                                      rpc::Source<transfer::v1::TransferRequest>& source,
                                      rpc::Sink<transfer::v1::TransferResponse>& sink) {
  return TransferSession(deps_, options_, call, source, sink).Run();
}

grpc::ServerBidiReactor<transfer::v1::TransferRequest, transfer::v1::TransferResponse>*
TransferService::Transfer(grpc::CallbackServerContext* context) {
  return rpc::HandleBidi<transfer::v1::TransferRequest, transfer::v1::TransferResponse>(
      deps_.streams, *context, std::bind_front(&TransferService::Receive, this),
      {.read_max = options_.progress_max, .write_max = options_.progress_max});
}

}  // namespace waybill::despooler
