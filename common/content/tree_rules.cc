#include "common/content/tree_rules.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

#include "common/content/limits.h"
#include "common/content/little_endian.h"
#include "common/status/status_macros.h"
#include "common/tree/path.h"

namespace waybill::content {
namespace {

constexpr absl::string_view kContentDomain = "waybill/content/v1\n";

absl::Status Refuse(absl::string_view path, absl::string_view reason) {
  return absl::InvalidArgumentError(absl::StrCat("entry ", tree::Escaped(path), ": ", reason));
}

absl::string_view ParentOf(absl::string_view path) {
  const size_t slash = path.rfind('/');
  return slash == absl::string_view::npos ? absl::string_view() : path.substr(0, slash);
}

std::vector<std::string> Components(absl::string_view path) {
  return absl::StrSplit(path, '/', absl::SkipEmpty());
}

// Walks from a link's directory along targets, as the kernel would.
class LinkWalk {
 public:
  LinkWalk(absl::string_view path, absl::string_view target)
      : path_(path), stack_(Components(ParentOf(path))) {
    Queue(target);
  }

  bool done() const { return pending_.empty(); }

  /// Takes one step; `lookup(path)` is a link's target or null.
  template <typename Lookup>
  absl::Status Step(Lookup lookup) {
    const std::string name = std::move(pending_.back());
    pending_.pop_back();
    if (name == ".") return absl::OkStatus();
    if (name == "..") {
      if (stack_.empty()) return Refuse(path_, "the link leaves the tree");
      stack_.pop_back();
      return absl::OkStatus();
    }
    stack_.push_back(name);
    if (stack_.size() > tree::kPathDepthMax) return Refuse(path_, "the link leads too deep");
    const std::string* const next = lookup(absl::StrJoin(stack_, "/"));
    if (next == nullptr) return absl::OkStatus();
    if (++links_ > kLinkChainMax) return Refuse(path_, "the link loops or passes too many links");
    stack_.pop_back();
    Queue(*next);
    return absl::OkStatus();
  }

 private:
  void Queue(absl::string_view target) {
    std::vector<std::string> names = Components(target);
    pending_.insert(pending_.end(), std::make_move_iterator(names.rbegin()),
                    std::make_move_iterator(names.rend()));
  }

  const absl::string_view path_;
  std::vector<std::string> stack_;    // Where the walk stands.
  std::vector<std::string> pending_;  // What is still to follow, the next name last.
  int links_ = 1;
};

}  // namespace

absl::Status CheckModifiedTime(absl::Time time) {
  const bool good =
      time >= absl::UnixEpoch() && time < absl::FromUnixSeconds(kModifiedSecondsMax + 1);
  return good ? absl::OkStatus() : absl::InvalidArgumentError("a modification time out of range");
}

absl::Status LinkTable::Add(absl::string_view path, absl::string_view target) {
  WAYBILL_RETURN_IF_ERROR(tree::CheckLinkTarget(path, target));
  bytes_ += path.size() + target.size();
  if (paths_.size() >= kLinksMax || bytes_ > kLinkBytesMax) {
    return Refuse(path, "more links than the limit");
  }
  target_of_.emplace(path, target);
  paths_.emplace_back(path);
  return absl::OkStatus();
}

absl::Status LinkTable::Check(absl::string_view path) const {
  const auto link = target_of_.find(path);
  if (link == target_of_.end()) {
    return Refuse(path, "not a link");
  }
  LinkWalk walk(path, link->second);
  while (!walk.done()) {
    WAYBILL_RETURN_IF_ERROR(walk.Step([this](const std::string& at) {
      const auto found = target_of_.find(at);
      return found == target_of_.end() ? nullptr : &found->second;
    }));
  }
  return absl::OkStatus();
}

absl::Status LinkTable::CheckAll() const {
  for (const std::string& path : paths_) {
    WAYBILL_RETURN_IF_ERROR(Check(path));
  }
  return absl::OkStatus();
}

TreeRules::TreeRules() {
  content_hasher_.Update(kContentDomain);
}

absl::Status TreeRules::AddEntry(const Entry& entry) {
  WAYBILL_RETURN_IF_ERROR(tree::CheckRelativePath(entry.path));
  if (missing_bytes_ != 0) return Refuse(previous_path_, "chunks are missing");
  WAYBILL_RETURN_IF_ERROR(CheckPlace(entry));
  WAYBILL_RETURN_IF_ERROR(CheckFields(entry));
  if (++totals_.entry_count > kEntriesMax) return Refuse(entry.path, "more entries than the limit");
  if (entry.type == EntryType::kDirectory) {
    open_directories_.push_back(entry.path);
  } else if (entry.type == EntryType::kLink) {
    WAYBILL_RETURN_IF_ERROR(links_.Add(entry.path, entry.link_target));
  } else {
    ++totals_.file_count;
    missing_bytes_ = entry.plain_bytes;
  }
  HashEntry(entry);
  previous_path_ = entry.path;
  return absl::OkStatus();
}

absl::Status TreeRules::CheckPlace(const Entry& entry) {
  if (!previous_path_.empty()) {
    const int order = ComparePaths(previous_path_, entry.path);
    if (order == 0) return Refuse(entry.path, "declared twice");
    if (order > 0) return Refuse(entry.path, "out of order");
  }
  const absl::string_view parent = ParentOf(entry.path);
  // In this order no later entry can stand in a directory that was left.
  while (!open_directories_.empty() && open_directories_.back() != parent) {
    open_directories_.pop_back();
  }
  if (open_directories_.empty() && !parent.empty()) {
    return Refuse(entry.path, "its parent is not a declared directory");
  }
  return absl::OkStatus();
}

absl::Status TreeRules::CheckFields(const Entry& entry) {
  if (!CheckModifiedTime(entry.modified_time).ok()) {
    return Refuse(entry.path, "a modification time out of range");
  }
  const bool file = entry.type == EntryType::kFile;
  const bool link = entry.type == EntryType::kLink;
  if ((!file && (entry.executable || entry.plain_bytes != 0)) ||
      (!link && !entry.link_target.empty())) {
    return Refuse(entry.path, "a field of another type of entry");
  }
  // Each addend is far below 2^63, so the sum cannot wrap before it meets its limit.
  if (entry.plain_bytes > kFileBytesMax) return Refuse(entry.path, "a file over the limit");
  totals_.plain_bytes += entry.plain_bytes;
  if (totals_.plain_bytes > kTreeBytesMax) return Refuse(entry.path, "a tree over the limit");
  return absl::OkStatus();
}

absl::Status TreeRules::AddChunk(const Chunk& chunk) {
  if (chunk.plain_bytes == 0 || chunk.plain_bytes > kChunkBytesMax) {
    return Refuse(previous_path_, "a chunk of a length that no chunk has");
  }
  if (chunk.plain_bytes > missing_bytes_) {
    return Refuse(previous_path_, "more bytes in chunks than in the file");
  }
  missing_bytes_ -= chunk.plain_bytes;
  if (chunk.plain_bytes < kChunkBytesMin && missing_bytes_ != 0) {
    return Refuse(previous_path_, "a short chunk that is not the last");
  }
  if (++totals_.chunk_count > kChunkReferencesMax) {
    return Refuse(previous_path_, "more chunks than the limit");
  }
  content_hasher_.Update(chunk.digest.bytes());
  return absl::OkStatus();
}

absl::StatusOr<ManifestTotals> TreeRules::Finish() {
  if (missing_bytes_ != 0) return Refuse(previous_path_, "chunks are missing");
  WAYBILL_RETURN_IF_ERROR(links_.CheckAll());
  totals_.content_digest = content_hasher_.Finish();
  return totals_;
}

void TreeRules::HashEntry(const Entry& entry) {
  std::string head;
  AppendInteger(head, static_cast<uint8_t>(entry.type));
  AppendInteger(head, static_cast<uint32_t>(entry.path.size()));
  head += entry.path;
  if (entry.type == EntryType::kFile) {
    AppendInteger(head, static_cast<uint8_t>(entry.executable ? 1 : 0));
    AppendInteger(head, entry.plain_bytes);
  } else if (entry.type == EntryType::kLink) {
    AppendInteger(head, static_cast<uint32_t>(entry.link_target.size()));
    head += entry.link_target;
  }
  content_hasher_.Update(head);
}

}  // namespace waybill::content
