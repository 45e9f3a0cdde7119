#include "common/content/import_scan.h"

#include <algorithm>
#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"

#include "common/content/limits.h"
#include "common/content/tree_rules.h"
#include "common/status/status_macros.h"
#include "common/tree/directory.h"
#include "common/tree/path.h"

namespace waybill::content {
namespace {

constexpr mode_t kSpecialModeBits = 07000;
constexpr size_t kMessageBytesMax = 4096;

class Scanner {
 public:
  explicit Scanner(const std::function<bool()>& cancelled) : cancelled_(cancelled) {}

  absl::Status Visit(const tree::Directory& parent, const std::string& path,
                     const tree::Entry& entry) {
    if (cancelled_ && cancelled_()) return absl::CancelledError("the import was cancelled");
    if (!unsafe_directory_.empty() && IsAtOrBeneath(path, unsafe_directory_)) {
      return absl::OkStatus();
    }
    if (!tree::CheckRelativePath(path).ok()) return AddUnsafe(path, entry, SkipReason::kName);
    if (!CheckModifiedTime(entry.info.modified_time).ok()) {
      return AddUnsafe(path, entry, SkipReason::kTime);
    }
    switch (entry.info.type) {
      case tree::FileType::kOther:
        return AddUnsafe(path, entry, SkipReason::kSpecial);
      case tree::FileType::kLink:
        return VisitLink(parent, path, entry);
      case tree::FileType::kRegular:
        ++scan_.file_count;
        scan_.plain_bytes += static_cast<uint64_t>(entry.info.size_bytes);
        break;
      case tree::FileType::kDirectory:
        break;
    }
    NoteMode(path, entry);
    return absl::OkStatus();
  }

  absl::StatusOr<SourceScan> Finish() {
    for (const std::string& path : links_.paths()) {
      if (!links_.Check(path).ok()) {
        WAYBILL_RETURN_IF_ERROR(AddUnsafe(path, tree::Entry(), SkipReason::kLink));
      }
    }
    std::sort(found_.begin(), found_.end(),
              [](const auto& a, const auto& b) { return ComparePaths(a.first, b.first) < 0; });
    for (auto& [path, reason] : found_) {
      scan_.unsafe.push_back({reason, tree::Escaped(path)});
      scan_.unsafe_paths.insert(std::move(path));
    }
    return std::move(scan_);
  }

 private:
  absl::Status VisitLink(const tree::Directory& parent, const std::string& path,
                         const tree::Entry& entry) {
    WAYBILL_ASSIGN_OR_RETURN(const std::string target, parent.ReadLink(entry.name));
    if (!links_.Add(path, target).ok()) return AddUnsafe(path, entry, SkipReason::kLink);
    return absl::OkStatus();
  }

  absl::Status AddUnsafe(const std::string& path, const tree::Entry& entry, SkipReason reason) {
    if (found_.size() >= kSkippedMax) {
      return absl::InvalidArgumentError("unsafe_source: more unsafe entries than the limit");
    }
    found_.emplace_back(path, reason);
    if (entry.info.type == tree::FileType::kDirectory) {
      unsafe_directory_ = path;
    }
    return absl::OkStatus();
  }

  void NoteMode(const std::string& path, const tree::Entry& entry) {
    if ((entry.info.mode & kSpecialModeBits) == 0) return;
    if (++scan_.special_mode_count <= kSkippedMax) {
      scan_.special_mode_paths.push_back(tree::Escaped(path));
    }
  }

  const std::function<bool()>& cancelled_;
  SourceScan scan_;
  std::vector<std::pair<std::string, SkipReason>> found_;
  std::string unsafe_directory_;  // The last one met: all beneath it follows at once.
  LinkTable links_;
};

}  // namespace

bool IsAtOrBeneath(absl::string_view path, absl::string_view directory) {
  return absl::ConsumePrefix(&path, directory) && (path.empty() || path[0] == '/');
}

absl::StatusOr<SourceScan> ScanSource(const tree::Directory& source,
                                      const std::function<bool()>& cancelled) {
  Scanner scanner(cancelled);
  WAYBILL_RETURN_IF_ERROR(
      source.Walk([&](const tree::Directory& parent, const std::string& path,
                      const tree::Entry& entry) { return scanner.Visit(parent, path, entry); }));
  return scanner.Finish();
}

absl::Status UnsafeSourceError(const std::vector<SkippedEntry>& unsafe) {
  std::string message =
      absl::StrCat("unsafe_source: ", unsafe.size(), " entries that a package cannot carry:");
  size_t listed = 0;
  for (const SkippedEntry& entry : unsafe) {
    if (message.size() + entry.escaped_path.size() > kMessageBytesMax) break;
    absl::StrAppend(&message, listed == 0 ? " " : ", ", entry.escaped_path, " (",
                    SkipReasonName(entry.reason), ")");
    ++listed;
  }
  if (listed < unsafe.size()) {
    absl::StrAppend(&message, " and ", unsafe.size() - listed, " more");
  }
  return absl::InvalidArgumentError(message);
}

}  // namespace waybill::content
