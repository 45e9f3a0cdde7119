#ifndef WAYBILL_COMMON_CONTENT_EXTRACT_H_
#define WAYBILL_COMMON_CONTENT_EXTRACT_H_

#include <cstdint>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "common/content/chunk_store.h"
#include "common/content/manifest.h"
#include "common/content/progress.h"
#include "common/tree/directory.h"

/// Trees from manifests. Each function first reads the whole manifest with the checks of
/// ManifestReader, so a bad one changes nothing on the disk. Memory does not grow with the tree
/// but for its links and a bounded number of files in hand.
///
/// Trees have exact modes: directories 0755, files 0644 or 0755; files and directories have their
/// modification times, links too. Links are made when all files stand.
///
/// Durability: nothing is synced file by file. When everything is written, one syncfs(2) of the
/// destination's file system puts all of it on the disk, and reports write errors since the
/// destination was opened; that is some 10 times as fast for small files as fsync for each. It also
/// waits for what others wrote to that file system. Publishing the tree by a rename, and syncing
/// the parent, is the caller's.
///
/// Errors of all: CANCELLED, those of ManifestReader and tree::Directory (RESOURCE_EXHAUSTED for a
/// full disk), and those named. After an error a part of the tree stands; remove it.
namespace waybill::content {

/// How files' bytes came to the destination.
struct BuildResult {
  ManifestTotals totals;
  uint64_t cloned_files = 0;  ///< CopyTree: blocks shared, no data moved. The others were copied.
};

/// Builds the tree in `destination`, which is empty, from the chunks of `store`, checking every
/// chunk's digest. NOT_FOUND for a chunk that is lacking, DATA_LOSS for one with other bytes, both
/// naming the file.
absl::StatusOr<BuildResult> ExtractTree(const Manifest& manifest, ChunkStore& store,
                                        const tree::Directory& destination,
                                        const WorkOptions& options = {});

/// Builds the tree in `destination`, which is empty, from a standing copy in `source`, sharing
/// blocks where the file systems can. DATA_LOSS for a file of the source with another size; the
/// bytes are not looked at: VerifyTree does.
absl::StatusOr<BuildResult> CopyTree(const Manifest& manifest, const tree::Directory& source,
                                     const tree::Directory& destination,
                                     const WorkOptions& options = {});

/// Compares a standing tree with its manifest: every entry's type, size, executable bit, link
/// target, all bytes by their digests, and that nothing else is there. Times are not compared.
/// DATA_LOSS naming the first bad path and what is wrong with it.
absl::Status VerifyTree(const Manifest& manifest, const tree::Directory& root,
                        const WorkOptions& options = {});

}  // namespace waybill::content

#endif  // WAYBILL_COMMON_CONTENT_EXTRACT_H_
