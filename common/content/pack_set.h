#ifndef WAYBILL_COMMON_CONTENT_PACK_SET_H_
#define WAYBILL_COMMON_CONTENT_PACK_SET_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

#include "common/content/digest.h"
#include "common/content/pack.h"
#include "common/content/pack_index.h"
#include "common/thread/mutex.h"
#include "common/tree/directory.h"
#include "common/tree/file.h"

namespace waybill::content {

std::string PackName(absl::string_view uuid);   // "<uuid>.pack"
std::string IndexName(absl::string_view uuid);  // "<uuid>.idx"

/// A pack that its writer, in this process, still appends to. Thread-safe.
class OpenPack {
 public:
  OpenPack(std::string uuid, tree::File file)
      : uuid_(std::move(uuid)), file_(std::make_shared<tree::File>(std::move(file))) {}

  const std::string& uuid() const { return uuid_; }
  const std::shared_ptr<tree::File>& file() const { return file_; }

  std::optional<PackEntry> Find(const Digest& digest) const;
  void Add(const PackEntry& entry);
  std::vector<PackEntry> Entries() const;
  size_t size() const;

 private:
  const std::string uuid_;
  const std::shared_ptr<tree::File> file_;
  mutable Mutex mutex_;
  absl::flat_hash_map<Digest, PackEntry> entries_ ABSL_GUARDED_BY(mutex_);
};

/// A sealed pack. Its index is in memory; its file is opened when it is first read. The index is
/// immutable; `file` belongs to the PackSet's owner and its lock.
struct SealedPack {
  SealedPack(std::string the_uuid, PackIndex the_index)
      : uuid(std::move(the_uuid)), index(std::move(the_index)) {}
  const std::string uuid;
  const PackIndex index;
  std::shared_ptr<const tree::File> file;
};

struct PackLocation {
  PackEntry entry;
  std::shared_ptr<const tree::File> file;  // Null: to be opened from `sealed`.
  std::shared_ptr<SealedPack> sealed;      // Null: in an open pack.
};

/// The sealed packs that a process knows, and in which of them a chunk stands: a table of pack
/// numbers, 4 to 8 bytes per chunk, with the indexes as the truth. Not thread-safe.
class PackSet {
 public:
  bool Contains(absl::string_view uuid) const { return by_uuid_.contains(uuid); }
  void Add(std::shared_ptr<SealedPack> pack);
  /// Forgets all packs but those of `uuids`, which are ascending.
  void KeepOnly(const std::vector<std::string>& uuids);
  void Remove(absl::string_view uuid);

  struct Found {
    std::shared_ptr<SealedPack> pack;
    PackEntry entry;
  };
  std::optional<Found> Find(const Digest& digest) const;

  /// Lets `pack` keep its open file, of which all packs together keep kOpenPacksMax.
  void KeepFile(SealedPack& pack, std::shared_ptr<const tree::File> file);

  const std::vector<std::shared_ptr<SealedPack>>& packs() const { return packs_; }

 private:
  void Insert(const Digest& digest, uint32_t pack_number);
  void IndexPack(uint32_t pack_number);
  void Rebuild();

  std::vector<std::shared_ptr<SealedPack>> packs_;
  absl::flat_hash_map<std::string, std::shared_ptr<SealedPack>> by_uuid_;
  std::vector<uint32_t> table_;  // Open addressing, at most half full: pack number + 1, or 0.
  size_t used_ = 0;
  int open_files_ = 0;
};

}  // namespace waybill::content

#endif  // WAYBILL_COMMON_CONTENT_PACK_SET_H_
