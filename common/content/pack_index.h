#ifndef WAYBILL_COMMON_CONTENT_PACK_INDEX_H_
#define WAYBILL_COMMON_CONTENT_PACK_INDEX_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

#include "common/content/pack.h"
#include "common/tree/file.h"

namespace waybill::content {

/// The sorted, immutable index of a sealed pack. Integers are little-endian:
///
///     8  magic "WBINDEX\n"
///     4  format number, 1
///     4  number of entries
///     8  length of the pack
///        entries, ascending by digest: digest 32, u64 offset, u32 plain bytes, u32 stored bytes,
///        u8 representation, 7 zero bytes
///    32  SHA-256 of all above
///
/// Kept as a mapping of its file, so that a store of any size costs only what is looked at.
/// Thread-safe.
class PackIndex {
 public:
  /// The bytes of an index file. Sorts; digests are unique.
  static std::string Encode(std::vector<PackEntry> entries, uint64_t pack_bytes);

  /// Checks and maps the file. DATA_LOSS if it is not a whole index.
  static absl::StatusOr<PackIndex> Load(const tree::File& file);

  PackIndex(PackIndex&& other) noexcept;
  PackIndex& operator=(PackIndex&& other) noexcept;
  ~PackIndex();

  std::optional<PackEntry> Find(const Digest& digest) const;

  size_t size() const { return count_; }
  PackEntry operator[](size_t i) const;
  /// How long the pack was when it was sealed, and is for ever.
  uint64_t pack_bytes() const { return pack_bytes_; }

 private:
  PackIndex() = default;
  absl::string_view Bytes(size_t i) const;

  const char* mapping_ = nullptr;
  size_t mapping_bytes_ = 0;
  size_t count_ = 0;
  uint64_t pack_bytes_ = 0;
};

}  // namespace waybill::content

#endif  // WAYBILL_COMMON_CONTENT_PACK_INDEX_H_
