#ifndef WAYBILL_COMMON_CONTENT_IMPORT_H_
#define WAYBILL_COMMON_CONTENT_IMPORT_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

#include "common/content/chunk_store.h"
#include "common/content/manifest.h"
#include "common/content/manifest_store.h"
#include "common/content/progress.h"
#include "common/tree/directory.h"

namespace waybill::content {

struct ImportOptions {
  std::string package_id;
  /// Leaves unsafe entries out, and records them, instead of refusing.
  bool skip_unsafe = false;
  /// If not null and the import is refused for unsafe entries: all of them.
  std::vector<SkippedEntry>* refused = nullptr;
  WorkOptions work;
};

struct ImportResult {
  /// In the store's custody until committed: the caller looks at `totals.content_digest` and keeps
  /// it (Commit, which returns `version`) or drops it.
  StagedManifest manifest;
  Digest version;
  uint64_t manifest_bytes = 0;
  ManifestTotals totals;
  uint64_t stored_bytes = 0;     ///< Of the unique chunks, as stored: what a first transfer sends.
  uint64_t new_chunk_bytes = 0;  ///< Bytes of records that were written; 0 if nothing was new.
  std::vector<SkippedEntry> skipped;
  /// Escaped paths of files and directories whose set-id or sticky bits were not carried. At most
  /// kSkippedMax; `special_mode_count` tells all.
  std::vector<std::string> special_mode_paths;
  uint64_t special_mode_count = 0;
};

/// Makes a version of a source tree: its chunks stand in sealed packs, its manifest is staged.
///
/// The same tree gives the same manifest bytes on every machine, with any number of threads and
/// whatever the store holds. About 5 MB of buffers per thread, whatever the size of the tree, and
/// the list of unique chunks.
///
/// Fails, with nothing but unreferenced chunks left in the store, with
///   INVALID_ARGUMENT     bad package id; "unsafe_source": entries that a package cannot carry
///                        (names, devices, fifos, sockets, links that leave the tree or loop, times
///                        before 1970), the message and `refused` listing all of them; a limit
///   FAILED_PRECONDITION  "source_changed": a file that changed while it was read; a mount inside
///   PERMISSION_DENIED    a file or directory that cannot be read, named
///   CANCELLED            and the errors of tree::Directory and PackWriter
///
/// That the source does not overlap the store is the caller's matter, and so is the pin that keeps
/// chunks of the store from being collected meanwhile (ChunkStore::Collect).
absl::StatusOr<ImportResult> ImportTree(const tree::Directory& source, ChunkStore& store,
                                        const ImportOptions& options);

}  // namespace waybill::content

#endif  // WAYBILL_COMMON_CONTENT_IMPORT_H_
