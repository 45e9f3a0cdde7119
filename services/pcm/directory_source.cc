#include "services/pcm/directory_source.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/types/span.h"

#include "common/content/byte_stream.h"
#include "common/content/limits.h"
#include "common/status/status_macros.h"
#include "common/tree/directory.h"
#include "common/tree/file.h"
#include "services/pcm/package_source.h"

namespace waybill::pcm {
namespace {

constexpr std::size_t kPieceBytes = 128 << 10;

class DirectorySource final : public PackageSource {
 public:
  DirectorySource(tree::Directory parent, std::string name, tree::Directory root)
      : parent_(std::move(parent)), name_(std::move(name)), root_(std::move(root)) {}

  absl::Status ReadManifest(content::ByteSink& sink) override {
    WAYBILL_ASSIGN_OR_RETURN(const tree::File file,
                             parent_.OpenFile(absl::StrCat(name_, ".manifest")));
    WAYBILL_ASSIGN_OR_RETURN(const std::int64_t size, file.Size());
    const auto bytes = static_cast<std::uint64_t>(size);
    if (bytes > content::kManifestBytesMax) {
      return absl::ResourceExhaustedError("the manifest is longer than any may be");
    }
    return Read(file, {.offset = 0, .bytes = bytes}, sink);
  }

  absl::Status ReadFile(const std::string& path, ByteRange range,
                        content::ByteSink& sink) override {
    if (!file_.has_value() || file_path_ != path) {
      file_.reset();
      WAYBILL_ASSIGN_OR_RETURN(tree::File opened, root_.OpenFile(path));
      file_ = std::move(opened);
      file_path_ = path;
    }
    return Read(*file_, range, sink);
  }

 private:
  absl::Status Read(const tree::File& file, ByteRange range, content::ByteSink& sink) {
    while (range.bytes > 0) {
      const absl::Span<char> piece =
          absl::MakeSpan(buffer_).subspan(0, std::min<std::uint64_t>(range.bytes, kPieceBytes));
      WAYBILL_RETURN_IF_ERROR(file.ReadFull(static_cast<std::int64_t>(range.offset), piece));
      WAYBILL_RETURN_IF_ERROR(sink.Append({piece.data(), piece.size()}));
      range.offset += piece.size();
      range.bytes -= piece.size();
    }
    return absl::OkStatus();
  }

  const tree::Directory parent_;
  const std::string name_;
  const tree::Directory root_;
  std::optional<tree::File> file_;  // The one that was asked for last.
  std::string file_path_;
  std::vector<char> buffer_ = std::vector<char>(kPieceBytes);
};

}  // namespace

absl::StatusOr<std::unique_ptr<PackageSource>> OpenDirectorySource(const std::string& directory) {
  if (directory.empty() || directory.front() != '/') {
    return absl::InvalidArgumentError("its directory is not an absolute path");
  }
  WAYBILL_ASSIGN_OR_RETURN(tree::Directory root, tree::Directory::Open(directory));
  const std::size_t slash = directory.rfind('/');
  WAYBILL_ASSIGN_OR_RETURN(tree::Directory parent,
                           tree::Directory::Open(slash == 0 ? "/" : directory.substr(0, slash)));
  return std::make_unique<DirectorySource>(std::move(parent), directory.substr(slash + 1),
                                           std::move(root));
}

}  // namespace waybill::pcm
