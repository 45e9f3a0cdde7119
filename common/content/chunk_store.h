#ifndef WAYBILL_COMMON_CONTENT_CHUNK_STORE_H_
#define WAYBILL_COMMON_CONTENT_CHUNK_STORE_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"

#include "common/content/chunk_list.h"
#include "common/content/codec.h"
#include "common/content/digest.h"
#include "common/content/manifest_store.h"
#include "common/content/pack_set.h"
#include "common/thread/mutex.h"
#include "common/tree/directory.h"

namespace waybill::content {

class PackWriter;

/// A chunk as it is stored and sent.
struct StoredChunk {
  ChunkFacts facts;
  std::string stored;
};

/// A site's store of chunks and manifests, one directory shared by several processes:
///
///     packs/<uuid>.pack   packs/<uuid>.idx   manifests/<version>
///
/// A pack is *open* while its writer lives and holds the file's lock, and *sealed* once its index
/// stands beside it; then neither changes again, but for Repair.
///
///               Put, Sync              Seal: sync, index, rename
///     (none) ------------> open ------------------------------------> sealed ----> removed
///                           |  writer died                              ^  Collect
///                           +----> unlocked, no index ------------------+
///                                          Open, Recover: the records that are whole
///
/// What is on disk: a chunk in an open pack after PackWriter::Sync; a chunk in a sealed pack
/// always. Only sealed packs are seen by other processes; a process also sees its own open ones.
///
/// Thread-safe. Resident memory: 4 to 8 bytes per chunk of the store, and the touched pages of
/// the indexes (56 bytes a chunk). Chunks are not checked against their digests unless a method
/// says so. Errors are those of tree::Directory, and those named.
class ChunkStore {
 public:
  /// Makes what is missing beneath `directory` and recovers packs of writers that died.
  static absl::StatusOr<std::unique_ptr<ChunkStore>> Open(const tree::Directory& directory);
  ~ChunkStore();

  /// A writer with packs of its own. The store outlives it.
  std::unique_ptr<PackWriter> NewWriter();

  // Reading. ----------------------------------------------------------------------------------

  /// NOT_FOUND if the chunk is nowhere, which is said only after the directory was listed again.
  /// DATA_LOSS if its record is broken.
  absl::StatusOr<StoredChunk> Read(const Digest& digest);

  /// The chunk's plain bytes, whose number is that of `plain`, checked against the digest.
  /// DATA_LOSS if they are not.
  absl::Status ReadPlain(const Chunk& chunk, absl::Span<char> plain);

  absl::StatusOr<bool> Contains(const Digest& digest);

  /// The chunk's record among sealed packs as far as they are known, without listing. For writers
  /// that would store the chunk once more rather than wait.
  std::optional<PackEntry> FindSealed(const Digest& digest) const;

  /// One bit per chunk of the list, true if it is lacking. Only what nobody can take back counts as
  /// there: sealed packs, and the packs of `own` (may be null); not those of other writers, which
  /// may die. Lists the directory first, so that packs count that other processes sealed, and those
  /// do not that others collected.
  absl::StatusOr<std::vector<bool>> Missing(const ChunkList& chunks, const PackWriter* own);

  // Keeping. ----------------------------------------------------------------------------------

  ManifestStore& manifests() { return *manifests_; }

  /// Sees packs that other processes sealed or removed since.
  absl::Status Refresh();

  /// Seals what writers that died left behind, in whatever process. Open does so too.
  absl::Status Recover();

  /// Writes a chunk, whose bytes the caller has checked, over the record that this store reads it
  /// from; durable when it returns. For records that a disk garbled: the place stays, so readers in
  /// every process get the good bytes, and a crash on the way leaves a record that is still broken.
  /// FAILED_PRECONDITION, and nothing is written, if no sealed pack has the chunk in the same
  /// representation and length.
  absl::Status Repair(const ChunkFacts& facts, absl::string_view stored);

  struct Collected {
    uint64_t freed_bytes = 0;
    bool is_complete = true;  ///< False: `pause` ended it, and dead packs may be left.
  };
  /// Removes sealed packs in which `is_live` holds for no chunk. `pause` is asked behind each, so
  /// that one goes with every call.
  ///
  /// The store cannot know what a database still needs. Callers hold the site's collection lock
  /// exclusively, and `is_live` covers all committed versions and all pinned manifests; whoever
  /// relies on Missing or on an import pins before and checks again under the same lock, shared.
  absl::StatusOr<Collected> Collect(absl::FunctionRef<bool(const Digest&)> is_live,
                                    absl::FunctionRef<bool()> pause);

 private:
  friend class PackWriter;
  explicit ChunkStore(tree::Directory packs, std::unique_ptr<ManifestStore> manifests);

  // For PackWriter.
  const tree::Directory& packs_directory() const { return packs_directory_; }
  void AddOpen(std::shared_ptr<OpenPack> pack);
  void RemoveOpen(const std::shared_ptr<OpenPack>& pack);
  absl::Status AddSealed(const std::string& uuid) ABSL_LOCKS_EXCLUDED(listing_mutex_);

  absl::Status LoadSealed(const std::string& uuid) ABSL_EXCLUSIVE_LOCKS_REQUIRED(listing_mutex_);
  std::optional<PackLocation> FindKnown(const Digest& digest) const;
  absl::StatusOr<std::optional<PackLocation>> Find(const Digest& digest);
  // The chunk's facts, and its stored bytes, in `buffer`.
  absl::StatusOr<absl::string_view> ReadInto(const Digest& digest, ChunkFacts& facts,
                                             std::string& buffer);
  absl::StatusOr<std::shared_ptr<const tree::File>> OpenPackFile(const PackLocation& location);

  const tree::Directory packs_directory_;
  const std::unique_ptr<ManifestStore> manifests_;
  // Held from a listing until the set agrees with it, and while a pack of our own joins the set:
  // else a listing from before could drop that pack. Taken before mutex_.
  Mutex listing_mutex_;
  mutable Mutex mutex_;
  PackSet sealed_ ABSL_GUARDED_BY(mutex_);
  std::vector<std::shared_ptr<OpenPack>> open_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace waybill::content

#endif  // WAYBILL_COMMON_CONTENT_CHUNK_STORE_H_
