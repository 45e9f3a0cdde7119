#ifndef WAYBILL_COMMON_TREE_FILE_H_
#define WAYBILL_COMMON_TREE_FILE_H_

#include <cstdint>
#include <string>

#include <sys/types.h>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/span.h"

struct stat;

namespace waybill::tree {

/// kOther is a fifo, socket or device.
enum class FileType { kRegular, kDirectory, kLink, kOther };

/// What lstat tells.
struct FileInfo {
  FileType type = FileType::kOther;
  int64_t size_bytes = 0;
  mode_t mode = 0;           ///< Permission bits with setuid, setgid, sticky (07777).
  absl::Time modified_time;  ///< Anyone who may write the file can set it.
  absl::Time changed_time;   ///< Set by the kernel at every change: tells whether a file moved on.
  ino_t inode = 0;
  dev_t device = 0;
  int64_t links = 0;
};

FileInfo ToFileInfo(const struct stat& status);

/// How File::CopyFrom moved the bytes: kClone shares the blocks (no data moved, btrfs and XFS),
/// kKernel copied inside the kernel, kCopy through our memory.
enum class CopyMethod { kClone, kKernel, kCopy };

/// Owns the descriptor of a regular file. Made by Directory.
///
/// Offsets are explicit: there is no file position, so several threads may read at once.
/// Interrupted and partial calls are continued. Errors are those of ErrnoToStatus and name `path`,
/// the path the file was opened by, which may be out of date after a rename.
class File {
 public:
  /// Takes over `descriptor`.
  File(int descriptor, std::string path);
  File(File&& other) noexcept;
  File& operator=(File&& other) noexcept;
  /// Closes. Errors of late writes show in Sync only: call it before the file is relied upon.
  ~File();

  int descriptor() const { return descriptor_; }
  const std::string& path() const { return path_; }

  /// Reads up to `buffer.size()` bytes at `offset`. Returns how many: fewer only where the file
  /// ends.
  absl::StatusOr<int64_t> ReadAt(int64_t offset, absl::Span<char> buffer) const;
  /// Fills `buffer` from `offset`. DATA_LOSS if the file ends first.
  absl::Status ReadFull(int64_t offset, absl::Span<char> buffer) const;

  /// Writes all of `bytes` at `offset`. After an error some of them may be there.
  absl::Status WriteFull(int64_t offset, absl::string_view bytes);
  /// Writes all of `bytes` at the end and returns the offset where they begin. After an error the
  /// file is cut back to its old length, so a full disk leaves no torn record (a crash may: call
  /// Sync and check records when reading). For one writer at a time: hold TryLock where there may
  /// be two.
  absl::StatusOr<int64_t> AppendFull(absl::string_view bytes);

  /// Content and length are on the disk when it returns (fdatasync). The name is not:
  /// Directory::Sync. After an error the state of the file is unknown, and a second Sync may
  /// wrongly succeed: write again.
  absl::Status Sync();

  absl::StatusOr<int64_t> Size() const;
  absl::Status Truncate(int64_t size_bytes);
  /// Reserves disk blocks for `size_bytes` from the start; the length stays. UNIMPLEMENTED where
  /// the file system cannot.
  absl::Status Reserve(int64_t size_bytes);
  /// Exactly `mode`, whatever the umask.
  absl::Status SetMode(mode_t mode);
  absl::Status SetModifiedTime(absl::Time time);
  absl::StatusOr<FileInfo> Stat() const;

  /// Locks the file against other processes and other File objects until this one is destroyed.
  /// FAILED_PRECONDITION if another holds it. Advisory: it binds only those who ask.
  absl::Status TryLock();

  /// Copies `bytes` from `source_offset` of `source` to `offset` here, in the cheapest way the file
  /// systems allow. DATA_LOSS if the source ends first. After an error some bytes may be there.
  absl::StatusOr<CopyMethod> CopyFrom(const File& source, int64_t source_offset, int64_t bytes,
                                      int64_t offset = 0);

 private:
  absl::Status Fail(int error, absl::string_view operation) const;

  int descriptor_;
  std::string path_;
};

}  // namespace waybill::tree

#endif  // WAYBILL_COMMON_TREE_FILE_H_
