#ifndef WAYBILL_COMMON_TREE_DIRECTORY_H_
#define WAYBILL_COMMON_TREE_DIRECTORY_H_

#include <cstdint>
#include <string>
#include <vector>

#include <sys/types.h>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

#include "common/tree/file.h"
#include "common/tree/path.h"

namespace waybill::tree {

/// WriteFile's unfinished files start with this. One that is left over is from a crash and may be
/// removed.
inline constexpr absl::string_view kTemporaryPrefix = ".waybill-tmp-";

struct Entry {
  std::string name;  ///< As on the disk: may be a name that CheckName refuses.
  FileInfo info;
};

struct SpaceInfo {
  int64_t free_bytes =
      0;  ///< What this process may still use, without the share reserved for root.
  int64_t total_bytes = 0;
  dev_t file_system = 0;  ///< Equal for directories that share the space.
};

struct WriteOptions {
  mode_t mode = 0644;   ///< Exactly, whatever the umask.
  bool durable = true;  ///< Content and name are on the disk when the call returns.
};

/// A directory held by its descriptor, and the only way by which the product touches the files of
/// packages and stores.
///
/// No operation leaves the tree beneath the directory, even while another process swaps directories
/// for links: paths pass CheckRelativePath, then are resolved by openat2(2) with RESOLVE_BENEATH
/// and RESOLVE_NO_SYMLINKS; names are then made, changed or removed in the parent that was so
/// opened. A link on the way is FAILED_PRECONDITION; as the last component it is never followed.
///
/// The descriptor follows the directory when it is renamed. Threads may share a Directory. Errors
/// are those of CheckRelativePath and ErrnoToStatus and name the operation and the relative path.
/// Interrupted calls are repeated. Modes are subject to the umask unless said otherwise.
class Directory {
 public:
  /// Opens a root that the operator configured: absolute, trusted, may pass through links.
  static absl::StatusOr<Directory> Open(absl::string_view path);
  /// Like Open, making what is missing (mode 0755) and syncing each parent of a new directory.
  static absl::StatusOr<Directory> Create(absl::string_view path);

  Directory(Directory&& other) noexcept;
  Directory& operator=(Directory&& other) noexcept;
  ~Directory();

  int descriptor() const { return descriptor_; }
  /// For logs: the path it was opened by, out of date after a rename.
  const std::string& path() const { return path_; }

  // Directories. ------------------------------------------------------------------------------

  absl::StatusOr<Directory> OpenDirectory(absl::string_view path) const;
  /// ALREADY_EXISTS if there is anything of that name. NOT_FOUND without a parent.
  absl::Status MakeDirectory(absl::string_view path, mode_t mode = 0755) const;
  /// Makes what is missing of `path`, and opens it.
  absl::StatusOr<Directory> MakeDirectories(absl::string_view path, mode_t mode = 0755) const;

  // Files. ------------------------------------------------------------------------------------

  /// For reading. FAILED_PRECONDITION unless a regular file; never blocks on a fifo.
  absl::StatusOr<File> OpenFile(absl::string_view path) const;
  /// For reading and writing; must exist.
  absl::StatusOr<File> OpenReadWrite(absl::string_view path) const;
  /// For reading and writing; made empty if absent, never cut.
  absl::StatusOr<File> OpenOrCreate(absl::string_view path, mode_t mode = 0644) const;
  /// For reading and writing, a new one. ALREADY_EXISTS if there is anything of that name.
  absl::StatusOr<File> CreateFile(absl::string_view path, mode_t mode = 0644) const;

  /// The content of a small file. RESOURCE_EXHAUSTED, before allocating, if over `bytes_max`.
  absl::StatusOr<std::string> ReadFile(absl::string_view path, int64_t bytes_max) const;
  /// Puts a file with this content in place at once: a reader, or a crash at any instant, sees the
  /// old file or the new one. Replaces a link of that name, does not write through it.
  absl::Status WriteFile(absl::string_view path, absl::string_view bytes,
                         const WriteOptions& options = {}) const;

  // Names. ------------------------------------------------------------------------------------

  /// rename(2): replaces a file or link of that name, or an empty directory by a directory. Not
  /// durable until both parents are synced. FAILED_PRECONDITION across mounts.
  absl::Status Rename(absl::string_view from, const Directory& to_directory,
                      absl::string_view to) const;
  /// ALREADY_EXISTS if there is anything named `to`.
  absl::Status RenameNoReplace(absl::string_view from, const Directory& to_directory,
                               absl::string_view to) const;
  /// Swaps two existing names in one step, whatever they are.
  absl::Status Exchange(absl::string_view one, const Directory& other_directory,
                        absl::string_view other) const;

  /// Removes a file, link or special file. FAILED_PRECONDITION for a directory, NOT_FOUND if
  /// absent.
  absl::Status Remove(absl::string_view path) const;
  /// Removes an empty directory.
  absl::Status RemoveDirectory(absl::string_view path) const;
  /// Removes whatever is there with all that is beneath it, of any depth and mode. OK if absent.
  /// Removes links themselves, never what they lead to; stops with FAILED_PRECONDITION at a mount.
  /// Stopped half-way it leaves a part of the tree, perhaps flattened; repeat it.
  absl::Status RemoveTree(absl::string_view path) const;

  /// Makes a symbolic link. Does NOT check where `target` leads: use CheckLinkTarget for one that
  /// came from elsewhere. A bad target cannot harm our own operations, which follow no links, but
  /// others'.
  absl::Status MakeLink(absl::string_view path, absl::string_view target) const;
  absl::StatusOr<std::string> ReadLink(absl::string_view path) const;

  // Looking. ----------------------------------------------------------------------------------

  /// Of the entry itself, not of what a link leads to.
  absl::StatusOr<FileInfo> Stat(absl::string_view path) const;
  /// False only if it is certain that nothing is there.
  absl::StatusOr<bool> Exists(absl::string_view path) const;
  /// All entries but "." and "..", sorted by name bytewise. An entry that vanishes meanwhile is
  /// left out.
  absl::StatusOr<std::vector<Entry>> List() const;
  /// Their names only: one read of the directory, whatever its size.
  absl::StatusOr<std::vector<std::string>> ListNames() const;

  /// Visits all that is beneath, a directory before its content, siblings in List order. Links are
  /// visited, not followed. `path` is relative to here and may fail CheckRelativePath, since names
  /// on a disk are anyone's; `parent` is the directory that holds `entry`. The first error of
  /// `visit` ends the walk and is returned. INVALID_ARGUMENT (bad_path) where a directory is deeper
  /// than kPathDepthMax, FAILED_PRECONDITION where another file system is mounted.
  using Visitor = absl::FunctionRef<absl::Status(const Directory& parent, const std::string& path,
                                                 const Entry& entry)>;
  absl::Status Walk(Visitor visit) const;

  absl::StatusOr<SpaceInfo> Space() const;

  // This directory itself, or one entry. ------------------------------------------------------

  /// Makes the names in this directory durable (fsync): those made, renamed and removed before.
  absl::Status Sync() const;
  absl::StatusOr<FileInfo> Stat() const;
  /// Exactly `mode`, whatever the umask.
  absl::Status SetMode(mode_t mode) const;
  absl::Status SetModifiedTime(absl::Time time) const;
  /// Of an entry, of a link itself and not of what it leads to.
  absl::Status SetModifiedTime(absl::string_view path, absl::Time time) const;

 private:
  Directory(int descriptor, std::string path);

  struct Parent;  // The held directory of a path's last component.
  absl::StatusOr<Parent> ResolveParent(absl::string_view path, absl::string_view operation) const;
  absl::StatusOr<File> OpenRegular(absl::string_view path, int flags, mode_t mode,
                                   absl::string_view operation) const;
  absl::Status RenameWithFlags(absl::string_view from, const Directory& to_directory,
                               absl::string_view to, unsigned flags) const;
  /// Opens a child by the name it has on the disk, without CheckName. Not across mounts.
  absl::StatusOr<Directory> OpenChild(const std::string& name, const std::string& shown_path) const;

  int descriptor_;
  std::string path_;
};

}  // namespace waybill::tree

#endif  // WAYBILL_COMMON_TREE_DIRECTORY_H_
