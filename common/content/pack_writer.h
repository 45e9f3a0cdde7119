#ifndef WAYBILL_COMMON_CONTENT_PACK_WRITER_H_
#define WAYBILL_COMMON_CONTENT_PACK_WRITER_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

#include "common/content/chunk_store.h"
#include "common/content/codec.h"
#include "common/content/digest.h"
#include "common/content/pack_set.h"

namespace waybill::content {

/// Appends chunks to packs of its own. Made by ChunkStore::NewWriter; one thread at a time, but
/// Find from any thread while another puts.
///
/// Syncs by itself every kPackBytesPerSync, and seals and starts another pack at kPackBytesMax or
/// kPackEntriesMax. Destroying it seals what is there, and errors of that are lost: call Seal.
///
/// After an error of Sync or Seal nothing that was not sealed before may be counted on: the open
/// pack is given up and removed, since a second sync could wrongly succeed, and each later call
/// returns the error. After an error of Put (a full disk, say) what was put before still stands.
class PackWriter {
 public:
  ~PackWriter();
  PackWriter(const PackWriter&) = delete;
  PackWriter& operator=(const PackWriter&) = delete;

  /// Appends one chunk. The caller has checked `stored` against the digest (DecompressAndVerify);
  /// only lengths are checked here: INVALID_ARGUMENT. A chunk that stands in the open pack already
  /// is not written again; whether the store has it elsewhere is for the caller to ask.
  absl::Status Put(const ChunkFacts& facts, absl::string_view stored);

  /// All that was put is on the disk when it returns OK, and survives a crash.
  absl::Status Sync();

  /// Sync, and visible to other processes. The next Put starts another pack.
  absl::Status Seal();

  /// In the open pack; what this writer sealed is found in the store.
  std::optional<PackEntry> Find(const Digest& digest) const;

  /// Bytes of records written so far, in all packs.
  uint64_t written_bytes() const { return written_bytes_; }

 private:
  friend class ChunkStore;
  explicit PackWriter(ChunkStore& store) : store_(store) {}

  absl::Status Begin();
  absl::Status Append(const ChunkFacts& facts, absl::string_view stored);
  absl::Status SealPack();
  void Abandon();
  std::shared_ptr<OpenPack> pack() const;

  ChunkStore& store_;
  mutable Mutex mutex_;
  std::shared_ptr<OpenPack> pack_
      ABSL_GUARDED_BY(mutex_);  // Null between packs. Set by the writer only.
  absl::Status failed_;
  std::string record_;
  uint64_t end_ = 0;  // Of the open pack.
  uint64_t unsynced_bytes_ = 0;
  bool name_synced_ = false;
  uint64_t written_bytes_ = 0;
};

}  // namespace waybill::content

#endif  // WAYBILL_COMMON_CONTENT_PACK_WRITER_H_
