#ifndef WAYBILL_COMMON_TREE_DESCRIPTOR_H_
#define WAYBILL_COMMON_TREE_DESCRIPTOR_H_

#include <cerrno>
#include <cstdint>
#include <fcntl.h>
#include <string>
#include <unistd.h>
#include <utility>
#include <vector>

#include <linux/openat2.h>
#include <sys/syscall.h>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

/// System calls that this folder's sources share. Not for others: they get Directory and File.
namespace waybill::tree {

/// Repeats a system call that a signal interrupted.
template <typename Call>
auto Retry(Call call) {
  for (;;) {
    auto result = call();
    if (result != -1 || errno != EINTR) return result;
  }
}

/// Closes a descriptor at the end of the scope; -1 is none.
class Descriptor {
 public:
  Descriptor() = default;
  explicit Descriptor(int value) : value_(value) {}
  Descriptor(Descriptor&& other) noexcept : value_(other.Release()) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    std::swap(value_, other.value_);
    return *this;
  }
  ~Descriptor() {
    if (value_ >= 0) close(value_);
  }
  int get() const { return value_; }
  int Release() { return std::exchange(value_, -1); }

 private:
  int value_ = -1;
};

/// Opens `path` beneath `directory` without passing a link, the last component included. `resolve`
/// adds RESOLVE_ flags. Returns -1 and errno like open.
inline int OpenBeneath(int directory, const std::string& path, int flags, mode_t mode,
                       uint64_t resolve = 0) {
  open_how how = {};
  how.flags = static_cast<uint64_t>(flags | O_CLOEXEC);
  how.mode = (flags & O_CREAT) != 0 ? mode : 0;
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS | resolve;
  return static_cast<int>(
      Retry([&] { return syscall(SYS_openat2, directory, path.c_str(), &how, sizeof(how)); }));
}

/// A name in a directory of ours that nobody else uses: kTemporaryPrefix and 64 random bits.
std::string TemporaryName();

/// The names in a directory, in the order of the disk, without "." and "..". `shown` names it in
/// errors.
absl::StatusOr<std::vector<std::string>> ListNames(int directory, absl::string_view shown);

}  // namespace waybill::tree

#endif  // WAYBILL_COMMON_TREE_DESCRIPTOR_H_
