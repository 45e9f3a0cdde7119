#include "services/pcm_manager/definition_files.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"

#include "common/model/definition_file.h"
#include "common/model/ids.h"
#include "common/status/status_macros.h"
#include "common/thread/mutex.h"
#include "common/tree/directory.h"
#include "common/tree/path.h"

namespace waybill::pcm_manager {

absl::StatusOr<DefinitionPointer> ParseDefinition(const std::string& sms_id, std::string bytes) {
  WAYBILL_ASSIGN_OR_RETURN(const model::DefinitionFile definition, model::Decode(bytes));
  if (definition.sms_id != sms_id) {
    return absl::InvalidArgumentError(
        absl::StrCat("it is the file of ", tree::Escaped(definition.sms_id)));
  }
  auto file = std::make_shared<DefinitionBytes>();
  file->sms_id = sms_id;
  file->offer_version = definition.offer_version;
  file->bytes = std::move(bytes);
  for (const model::Offer& offer : definition.offers) {
    file->offer_afters.push_back(offer.offer_after);
  }
  std::sort(file->offer_afters.begin(), file->offer_afters.end());
  return file;
}

absl::StatusOr<DefinitionPointer> ReadMaster(const tree::Directory& box, const std::string& domain,
                                             const std::string& sms_id) {
  WAYBILL_RETURN_IF_ERROR(model::CheckHostName("domain", domain));
  WAYBILL_RETURN_IF_ERROR(model::CheckSmsId("sms_id", sms_id));
  WAYBILL_ASSIGN_OR_RETURN(
      std::string bytes,
      box.ReadFile(absl::StrCat(domain, ".000/", sms_id, ".ins"), model::kDefinitionBytesMax));
  return ParseDefinition(sms_id, std::move(bytes));
}

bool MasterFiles::Put(DefinitionPointer file) {
  const MutexLock lock(mutex_);
  DefinitionPointer& known = files_[file->sms_id];
  if (known != nullptr && known->offer_version >= file->offer_version) {
    return false;
  }
  known = std::move(file);
  return true;
}

std::int64_t MasterFiles::VersionOf(const std::string& sms_id) const {
  const MutexLock lock(mutex_);
  const auto found = files_.find(sms_id);
  return found == files_.end() ? 0 : found->second->offer_version;
}

std::vector<DefinitionPointer> MasterFiles::All() const {
  const MutexLock lock(mutex_);
  std::vector<DefinitionPointer> all;
  all.reserve(files_.size());
  for (const auto& [sms_id, file] : files_) {
    all.push_back(file);
  }
  return all;
}

void ServedFiles::Put(DefinitionPointer file) {
  const MutexLock lock(mutex_);
  Entry& entry = entries_[file->sms_id];
  if (entry.file == nullptr || entry.file->offer_version < file->offer_version) {
    entry.file = std::move(file);
  }
}

void ServedFiles::Clear() {
  const MutexLock lock(mutex_);
  entries_.clear();
}

ServedFiles::Answer ServedFiles::Poll(const std::string& sms_id, std::int64_t known_version) {
  const MutexLock lock(mutex_);
  const auto found = entries_.find(sms_id);
  if (found == entries_.end()) {
    return {.is_known = registered_.contains(sms_id), .file = nullptr, .is_first_sight = false};
  }
  const Entry& entry = found->second;
  const bool is_first_sight =
      known_version == entry.file->offer_version && entry.seen_version < known_version;
  return {.is_known = true, .file = entry.file, .is_first_sight = is_first_sight};
}

void ServedFiles::MarkSeen(const std::string& sms_id, std::int64_t offer_version) {
  const MutexLock lock(mutex_);
  const auto found = entries_.find(sms_id);
  if (found != entries_.end()) {
    found->second.seen_version = std::max(found->second.seen_version, offer_version);
  }
}

void ServedFiles::AddRegistered(const std::string& sms_id) {
  const MutexLock lock(mutex_);
  if (registered_.size() < static_cast<std::size_t>(kRegisteredMax)) {
    registered_.insert(sms_id);
  }
}

}  // namespace waybill::pcm_manager
