#include "services/despooler/space_rules.h"

#include <algorithm>
#include <cstdint>
#include <vector>

namespace waybill::despooler {
namespace {

std::int64_t Available(const Place& place, std::int64_t reserve_bytes) {
  return place.free_bytes - place.promised_bytes - reserve_bytes;
}

SpaceShortage Shortage(std::int64_t needed_bytes, std::int64_t available_bytes) {
  return {.needed_bytes = needed_bytes,
          .available_bytes = std::max(available_bytes, std::int64_t{0})};
}

}  // namespace

SpaceVerdict CheckSpace(const SpaceNeed& need, const Place& store, const std::vector<Place>& drives,
                        std::int64_t reserve_bytes) {
  SpaceVerdict verdict;
  verdict.promise.store_file_system = store.file_system;
  // Nothing to write needs no room: a full disk must not stop an instruction.
  const std::int64_t in_store = Available(store, reserve_bytes);
  if (need.store_bytes > 0 && in_store < need.store_bytes) {
    verdict.shortage = Shortage(need.store_bytes, in_store);
    return verdict;
  }
  if (need.tree_bytes == 0) return verdict;

  const Place* best = nullptr;
  std::int64_t best_left = 0;
  for (const Place& drive : drives) {
    const bool shared = drive.file_system == store.file_system;
    const std::int64_t left =
        Available(drive, reserve_bytes) - (shared ? need.store_bytes : std::int64_t{0});
    if (best == nullptr || left > best_left) {
      best = &drive;
      best_left = left;
    }
  }
  if (best == nullptr || best_left < need.tree_bytes) {
    verdict.shortage = Shortage(need.tree_bytes, best_left);
    return verdict;
  }
  verdict.promise.tree_file_system = best->file_system;
  return verdict;
}

}  // namespace waybill::despooler
