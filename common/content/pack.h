#ifndef WAYBILL_COMMON_CONTENT_PACK_H_
#define WAYBILL_COMMON_CONTENT_PACK_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

#include "common/content/codec.h"
#include "common/content/digest.h"
#include "common/tree/file.h"

/// One pack: an append-only file of chunk records, nothing before, between or behind them.
///
///     4  magic "WPK1"
///     1  representation, 3 zero bytes
///     4  plain bytes, 4 stored bytes       (little-endian)
///    32  digest of the plain bytes
///     8  check: the first bytes of the SHA-256 of the 48 bytes above
///        stored bytes
///
/// The check guards the lengths, so that a scan never runs astray; the payload is guarded by the
/// digest. A scan restores every chunk to compare it, which costs some 0.4 s for a full pack and is
/// done only after a crash.
namespace waybill::content {

inline constexpr size_t kPackRecordHeaderBytes = 56;

/// Where a chunk stands in its pack, and in which form.
struct PackEntry {
  ChunkFacts facts;
  uint32_t stored_bytes = 0;
  uint64_t offset = 0;  ///< Of the record's header.

  uint64_t record_bytes() const { return kPackRecordHeaderBytes + stored_bytes; }
};

std::string EncodePackRecordHeader(const ChunkFacts& facts, uint32_t stored_bytes);

/// Decodes the header at `offset`. DATA_LOSS unless it is whole, its check agrees and its lengths
/// are possible.
absl::StatusOr<PackEntry> DecodePackRecordHeader(absl::string_view bytes, uint64_t offset);

/// Reads the record of `entry` into `buffer` and returns its stored bytes there. DATA_LOSS if
/// another record, or none, stands at its place. The digest of the plain bytes is for the caller to
/// check.
absl::StatusOr<absl::string_view> ReadPackRecord(const tree::File& pack, const PackEntry& entry,
                                                 std::string& buffer);

struct PackScan {
  std::vector<PackEntry> entries;  ///< In the order of the file, a repeated digest once.
  uint64_t end = 0;                ///< Where the last good record ends.
};

/// Finds all records of a pack that hold what they claim, up to where no header follows. A record
/// with a good header and a bad payload is passed over: pages reach a disk in any order.
absl::StatusOr<PackScan> ScanPack(const tree::File& pack);

}  // namespace waybill::content

#endif  // WAYBILL_COMMON_CONTENT_PACK_H_
