#include "services/scheduler/shipper_loop.h"

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"

#include "common/logging/log.h"
#include "common/status/status_macros.h"
#include "services/scheduler/parent_client.h"
#include "services/scheduler/status_store.h"

namespace waybill::scheduler {

ShipperLoop::ShipperLoop(StatusStore& store, ParentClient& client, std::string holder,
                         Options options)
    : store_(store),
      client_(client),
      holder_(std::move(holder)),
      options_(options),
      loop_("shipper", options.poll_interval, [this]() -> absl::StatusOr<absl::Duration> {
        const absl::Status status = RunOnce();
        if (absl::IsAborted(status)) {
          return options_.lease;  // The other one may have died; its lease has ended by then.
        }
        WAYBILL_RETURN_IF_ERROR(status);
        return absl::InfiniteDuration();
      }) {}

void ShipperLoop::Stop() {
  client_.Cancel();
  loop_.Stop();
}

absl::Status ShipperLoop::TakeLease() {
  WAYBILL_ASSIGN_OR_RETURN(const std::int64_t fence,
                           store_.TakeShipperLease(holder_, options_.lease));
  if (fence != fence_) {
    client_.Close();  // Another has shipped meanwhile: the parent says where to go on.
    fence_ = fence;
  }
  return absl::OkStatus();
}

absl::Status ShipperLoop::OpenStream() {
  WAYBILL_ASSIGN_OR_RETURN(Shipping shipping, store_.GetShipping());
  WAYBILL_ASSIGN_OR_RETURN(ParentClient::Welcome welcome,
                           client_.Open(shipping.site_code, shipping.epoch));
  // Either database may be a copy of an older time: then the parent has what was never shipped, or
  // lacks what was dropped here because it had it.
  if (welcome.acknowledged_sequence > shipping.shipped_sequence ||
      welcome.acknowledged_sequence + 1 < shipping.first_kept_sequence) {
    log::Warning("this database or the parent's was restored; everything is reported anew",
                 {{"acknowledged_sequence", welcome.acknowledged_sequence},
                  {"shipped_sequence", shipping.shipped_sequence}});
    client_.Close();
    WAYBILL_RETURN_IF_ERROR(store_.StartEpoch(fence_));
    WAYBILL_ASSIGN_OR_RETURN(shipping, store_.GetShipping());
    WAYBILL_ASSIGN_OR_RETURN(welcome, client_.Open(shipping.site_code, shipping.epoch));
  }
  log::Info("reporting to the parent", {{"parent_site_code", shipping.parent_site_code},
                                        {"sequence", welcome.acknowledged_sequence}});
  acknowledged_ = welcome.acknowledged_sequence;
  WAYBILL_RETURN_IF_ERROR(store_.Acknowledge(fence_, acknowledged_));
  return store_.PutAncestors(fence_, welcome.ancestor_site_codes);
}

// A thousand outputs of commands are more than one message holds. What is cut off stays in the
// outbox and is read again with the next batch.
void ShipperLoop::CutToMessage(std::vector<status::v1::StatusRecord>& records) const {
  std::int64_t bytes = 0;
  std::size_t count = 0;
  for (const status::v1::StatusRecord& record : records) {
    bytes += static_cast<std::int64_t>(record.ByteSizeLong());
    if (count > 0 && bytes > options_.message_bytes_max) {
      break;
    }
    ++count;
  }
  records.resize(count);
}

absl::Status ShipperLoop::RunOnce() {
  WAYBILL_RETURN_IF_ERROR(TakeLease());
  if (!client_.IsOpen()) {
    WAYBILL_RETURN_IF_ERROR(OpenStream());
  }
  while (!loop_.IsStopping()) {
    WAYBILL_ASSIGN_OR_RETURN(std::vector<status::v1::StatusRecord> records,
                             store_.TakeRecords(fence_, acknowledged_, options_.batch_max));
    if (records.empty()) {
      break;
    }
    CutToMessage(records);
    WAYBILL_ASSIGN_OR_RETURN(acknowledged_, client_.Send(records));
    WAYBILL_RETURN_IF_ERROR(store_.Acknowledge(fence_, acknowledged_));
    // If another has had it meanwhile, the fence is a new one and the next step refuses ours.
    WAYBILL_RETURN_IF_ERROR(store_.TakeShipperLease(holder_, options_.lease).status());
  }
  return absl::OkStatus();
}

}  // namespace waybill::scheduler
