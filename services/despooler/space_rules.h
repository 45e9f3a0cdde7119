#ifndef WAYBILL_SERVICES_DESPOOLER_SPACE_RULES_H_
#define WAYBILL_SERVICES_DESPOOLER_SPACE_RULES_H_

#include <cstdint>
#include <optional>
#include <vector>

namespace waybill::despooler {

/// What a transfer will put on disks of this site before its copies, which distribution checks
/// share by share.
struct SpaceNeed {
  std::int64_t store_bytes = 0;  ///< Compressed, in the store.
  std::int64_t tree_bytes = 0;   ///< The temporary tree, on one drive; 0: none is built.
};

/// A directory's file system and what it has to give.
struct Place {
  std::uint64_t file_system = 0;  ///< Equal for directories that share the space.
  std::int64_t free_bytes = 0;
  std::int64_t promised_bytes = 0;  ///< To other transfers, and not used by them yet.
};

/// A place cannot take the need.
struct SpaceShortage {
  std::int64_t needed_bytes = 0;
  std::int64_t available_bytes = 0;  ///< Never negative; the reserve is not available.
};

/// What is promised to a transfer, by file system.
struct SpacePromise {
  std::uint64_t store_file_system = 0;
  std::uint64_t tree_file_system = 0;  ///< Meaningful if the need has a tree.
};

struct SpaceVerdict {
  std::optional<SpaceShortage> shortage;  ///< Absent: it fits, as `promise` says.
  SpacePromise promise;
};

/// Whether `need` fits: the store must take the compressed bytes, and the drive with the most room
/// the tree; where the two share a file system, both. `reserve_bytes` of each file system are left
/// alone. Pure.
SpaceVerdict CheckSpace(const SpaceNeed& need, const Place& store, const std::vector<Place>& drives,
                        std::int64_t reserve_bytes);

}  // namespace waybill::despooler

#endif  // WAYBILL_SERVICES_DESPOOLER_SPACE_RULES_H_
