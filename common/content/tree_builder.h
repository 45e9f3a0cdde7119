#ifndef WAYBILL_COMMON_CONTENT_TREE_BUILDER_H_
#define WAYBILL_COMMON_CONTENT_TREE_BUILDER_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

#include "common/content/chunk_list.h"
#include "common/content/manifest.h"
#include "common/content/manifest_reader.h"
#include "common/content/progress.h"
#include "common/content/progress_meter.h"
#include "common/content/work_pool.h"
#include "common/tree/directory.h"
#include "common/tree/file.h"

namespace waybill::content {

/// Files in larger pieces are worked on by several threads.
inline constexpr uint64_t kRangeBytes = 4 << 20;

/// Reads a manifest to its end with the checks of ManifestReader, and returns its totals.
absl::StatusOr<ManifestTotals> CheckManifest(const Manifest& manifest);

/// Takes from the reader the next chunks of the current file, up to kRangeBytes of them.
absl::StatusOr<std::vector<Chunk>> TakeRange(ManifestReader& reader);

uint64_t PlainBytes(const std::vector<Chunk>& chunks);

/// `status` with the file's path in front.
absl::Status NameFile(const absl::Status& status, absl::string_view path);

/// Gives files their bytes. Thread-safe.
class FileFiller {
 public:
  virtual ~FileFiller() = default;

  /// Whether parts of a file may be filled apart from one another, by their chunks; else
  /// files are always filled whole, and `chunks` is empty.
  virtual bool fills_ranges() const = 0;

  /// Writes the bytes of `chunks`, or of the whole file, at `offset` of `to`.
  virtual absl::Status Fill(const Entry& entry, uint64_t offset, const std::vector<Chunk>& chunks,
                            tree::File& to) = 0;
};

/// Builds a tree: directories and files in the order of the manifest, then links, then what is
/// disturbed by making entries, then one sync of the file system. Used once.
class TreeBuilder {
 public:
  /// All outlive the builder.
  TreeBuilder(const Manifest& manifest, const tree::Directory& destination,
              const WorkOptions& options, FileFiller& filler);

  absl::StatusOr<ManifestTotals> Run();

 private:
  struct SmallFile {
    std::shared_ptr<const tree::Directory> parent;
    Entry entry;
    std::vector<Chunk> chunks;
  };
  class LargeFile;

  absl::Status MakeFiles(ProgressMeter& meter);
  absl::Status AddFile(ManifestReader& reader, const Entry& entry);
  absl::Status AddSmallFile(ManifestReader& reader, const Entry& entry);
  absl::Status AddLargeFile(ManifestReader& reader, const Entry& entry);
  absl::Status PushSmallFiles();
  absl::Status MakeSmallFile(const SmallFile& small);
  absl::Status MakeLinks();
  absl::Status FinishDirectories();
  absl::Status EnterParentOf(const std::string& path);

  const Manifest& manifest_;
  const tree::Directory& destination_;
  const WorkOptions& options_;
  FileFiller& filler_;
  std::shared_ptr<const tree::Directory> parent_;  // Of the entry in hand.
  std::string parent_path_;
  std::vector<SmallFile>
      small_files_;  // Gathered: a queue's lock for each would cost more than it.
  uint64_t small_bytes_ = 0;
  std::atomic<uint64_t> files_done_ = 0;
  std::atomic<uint64_t> bytes_done_ = 0;
  WorkPool pool_;  // The last member: its threads use the others.
};

}  // namespace waybill::content

#endif  // WAYBILL_COMMON_CONTENT_TREE_BUILDER_H_
