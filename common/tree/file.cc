#include "common/tree/file.h"

#include <algorithm>
#include <cerrno>
#include <fcntl.h>
#include <unistd.h>
#include <utility>
#include <vector>

#include <linux/fs.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

#include "absl/strings/str_cat.h"

#include "common/status/status_macros.h"
#include "common/tree/descriptor.h"
#include "common/tree/errno_status.h"
#include "common/tree/path.h"

namespace waybill::tree {
namespace {

constexpr int64_t kCopyBufferBytes = 1 << 20;

FileType ToFileType(mode_t mode) {
  if (S_ISREG(mode)) return FileType::kRegular;
  if (S_ISDIR(mode)) return FileType::kDirectory;
  if (S_ISLNK(mode)) return FileType::kLink;
  return FileType::kOther;
}

bool TryClone(int from, int64_t from_offset, int64_t bytes, int to, int64_t to_offset) {
  if (bytes == 0) return false;  // Zero would mean "to the end".
  file_clone_range range = {};
  range.src_fd = from;
  range.src_offset = static_cast<uint64_t>(from_offset);
  range.src_length = static_cast<uint64_t>(bytes);
  range.dest_offset = static_cast<uint64_t>(to_offset);
  // Whatever the reason for a refusal (alignment, file system, mount), a copy still may do, and a
  // failing disk will show there.
  return Retry([&] { return ioctl(to, FICLONERANGE, &range); }) == 0;
}

bool KernelCannotCopy(int error) {
  return error == EXDEV || error == EINVAL || error == EOPNOTSUPP || error == ENOSYS ||
         error == EPERM;
}

}  // namespace

FileInfo ToFileInfo(const struct stat& status) {
  FileInfo info;
  info.type = ToFileType(status.st_mode);
  info.size_bytes = status.st_size;
  info.mode = status.st_mode & 07777;
  info.modified_time = absl::TimeFromTimespec(status.st_mtim);
  info.changed_time = absl::TimeFromTimespec(status.st_ctim);
  info.inode = status.st_ino;
  info.device = status.st_dev;
  info.links = static_cast<int64_t>(status.st_nlink);
  return info;
}

File::File(int descriptor, std::string path) : descriptor_(descriptor), path_(std::move(path)) {}

File::File(File&& other) noexcept
    : descriptor_(std::exchange(other.descriptor_, -1)), path_(std::move(other.path_)) {}

File& File::operator=(File&& other) noexcept {
  std::swap(descriptor_, other.descriptor_);
  std::swap(path_, other.path_);
  return *this;
}

File::~File() {
  if (descriptor_ >= 0) close(descriptor_);
}

absl::Status File::Fail(int error, absl::string_view operation) const {
  return ErrnoToStatus(error, operation, path_);
}

absl::StatusOr<int64_t> File::ReadAt(int64_t offset, absl::Span<char> buffer) const {
  size_t done = 0;
  while (done < buffer.size()) {
    const ssize_t count = Retry([&] {
      return pread(descriptor_, buffer.data() + done, buffer.size() - done,
                   offset + static_cast<int64_t>(done));
    });
    if (count < 0) return Fail(errno, "read");
    if (count == 0) break;
    done += static_cast<size_t>(count);
  }
  return static_cast<int64_t>(done);
}

absl::Status File::ReadFull(int64_t offset, absl::Span<char> buffer) const {
  WAYBILL_ASSIGN_OR_RETURN(const int64_t count, ReadAt(offset, buffer));
  if (static_cast<size_t>(count) == buffer.size()) return absl::OkStatus();
  return absl::DataLossError(absl::StrCat("read ", Escaped(path_), ": ends at byte ",
                                          offset + count, " instead of ",
                                          offset + static_cast<int64_t>(buffer.size())));
}

absl::Status File::WriteFull(int64_t offset, absl::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t count =
        Retry([&] { return pwrite(descriptor_, bytes.data(), bytes.size(), offset); });
    if (count < 0) return Fail(errno, "write");
    bytes.remove_prefix(static_cast<size_t>(count));
    offset += count;
  }
  return absl::OkStatus();
}

absl::StatusOr<int64_t> File::AppendFull(absl::string_view bytes) {
  WAYBILL_ASSIGN_OR_RETURN(const int64_t end, Size());
  absl::Status written = WriteFull(end, bytes);
  if (written.ok()) return end;
  // The first error is the one that tells the cause.
  Truncate(end).IgnoreError();
  return written;
}

absl::Status File::Sync() {
  if (Retry([&] { return fdatasync(descriptor_); }) != 0) return Fail(errno, "sync");
  return absl::OkStatus();
}

absl::StatusOr<int64_t> File::Size() const {
  WAYBILL_ASSIGN_OR_RETURN(const FileInfo info, Stat());
  return info.size_bytes;
}

absl::Status File::Truncate(int64_t size_bytes) {
  if (Retry([&] { return ftruncate(descriptor_, size_bytes); }) != 0)
    return Fail(errno, "truncate");
  return absl::OkStatus();
}

absl::Status File::Reserve(int64_t size_bytes) {
  if (size_bytes == 0) return absl::OkStatus();
  if (Retry([&] { return fallocate(descriptor_, FALLOC_FL_KEEP_SIZE, 0, size_bytes); }) != 0) {
    return Fail(errno, "reserve");
  }
  return absl::OkStatus();
}

absl::Status File::SetMode(mode_t mode) {
  if (Retry([&] { return fchmod(descriptor_, mode); }) != 0) return Fail(errno, "set mode of");
  return absl::OkStatus();
}

absl::Status File::SetModifiedTime(absl::Time time) {
  const timespec times[2] = {{0, UTIME_OMIT}, absl::ToTimespec(time)};
  if (Retry([&] { return futimens(descriptor_, times); }) != 0) return Fail(errno, "set time of");
  return absl::OkStatus();
}

absl::StatusOr<FileInfo> File::Stat() const {
  struct stat status = {};
  if (fstat(descriptor_, &status) != 0) return Fail(errno, "stat");
  return ToFileInfo(status);
}

absl::Status File::TryLock() {
  if (Retry([&] { return flock(descriptor_, LOCK_EX | LOCK_NB); }) == 0) return absl::OkStatus();
  if (errno != EWOULDBLOCK) return Fail(errno, "lock");
  return absl::FailedPreconditionError(absl::StrCat("lock ", Escaped(path_), ": another holds it"));
}

absl::StatusOr<CopyMethod> File::CopyFrom(const File& source, int64_t source_offset, int64_t bytes,
                                          int64_t offset) {
  if (TryClone(source.descriptor_, source_offset, bytes, descriptor_, offset))
    return CopyMethod::kClone;
  while (bytes > 0) {
    // Advances both offsets.
    const ssize_t count = Retry([&] {
      return copy_file_range(source.descriptor_, &source_offset, descriptor_, &offset,
                             static_cast<size_t>(bytes), 0);
    });
    if (count < 0 && !KernelCannotCopy(errno)) return Fail(errno, "copy into");
    if (count <= 0)
      break;  // At zero the plain copy tells a short source from a kernel that refuses.
    bytes -= count;
  }
  if (bytes == 0) return CopyMethod::kKernel;
  std::vector<char> buffer(static_cast<size_t>(std::min(bytes, kCopyBufferBytes)));
  while (bytes > 0) {
    const auto part =
        absl::MakeSpan(buffer).subspan(0, static_cast<size_t>(std::min(bytes, kCopyBufferBytes)));
    WAYBILL_RETURN_IF_ERROR(source.ReadFull(source_offset, part));
    WAYBILL_RETURN_IF_ERROR(WriteFull(offset, absl::string_view(part.data(), part.size())));
    const auto moved = static_cast<int64_t>(part.size());
    source_offset += moved, offset += moved, bytes -= moved;
  }
  return CopyMethod::kCopy;
}

}  // namespace waybill::tree
