#include "services/pcm/history.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"
#include "absl/time/time.h"

#include "common/content/digest.h"
#include "common/logging/log.h"
#include "common/model/ids.h"
#include "common/status/status_macros.h"
#include "common/thread/mutex.h"
#include "common/tree/directory.h"

namespace waybill::pcm {
namespace {

using Json = nlohmann::json;

constexpr std::size_t kDigestDigits = 16;
constexpr std::int64_t kRecordBytesMax = 64 << 10;
constexpr char kSuffix[] = ".run";

constexpr std::array<const char*, 5> kSteps = {"requested", "started", "finished", "reported",
                                               "dropped"};
constexpr std::array<const char*, 5> kOutcomes = {"exited", "timed_out", "not_started",
                                                  "interrupted", "killed"};

template <std::size_t kCount>
std::optional<std::size_t> IndexOf(const std::array<const char*, kCount>& words,
                                   const std::string& word) {
  const auto found = std::find_if(words.begin(), words.end(),
                                  [&word](const char* candidate) { return word == candidate; });
  if (found == words.end()) return std::nullopt;
  return static_cast<std::size_t>(found - words.begin());
}

std::string DigestOf(absl::string_view body) {
  return content::Sha256::Of(body).Prefix16Hex();
}

std::optional<std::string> Text(const Json& json, const char* key) {
  const auto found = json.find(key);
  if (found == json.end() || !found->is_string()) return std::nullopt;
  return found->get<std::string>();
}

std::optional<std::int64_t> Number(const Json& json, const char* key) {
  const auto found = json.find(key);
  if (found == json.end() || !found->is_number_integer()) return std::nullopt;
  return found->get<std::int64_t>();
}

std::optional<RunRecord> FromJson(const Json& json) {
  if (!json.is_object()) return std::nullopt;
  const auto job_id = Text(json, "job_id");
  const auto run_id = Text(json, "run_id");
  const auto run_token = Text(json, "run_token");
  const auto output = Text(json, "output");
  const auto detail = Text(json, "detail");
  const auto exit_code = Number(json, "exit_code");
  const auto start = Number(json, "start_microseconds");
  const auto duration = Number(json, "run_microseconds");
  const auto step = IndexOf(kSteps, Text(json, "step").value_or(""));
  const auto outcome = IndexOf(kOutcomes, Text(json, "outcome").value_or(""));
  if (!job_id || !run_id || !run_token || !output || !detail || !exit_code || !start || !duration ||
      !step || !outcome) {
    return std::nullopt;
  }
  return RunRecord{.job_id = *job_id,
                   .step = static_cast<RunStep>(*step),
                   .run_id = *run_id,
                   .run_token = *run_token,
                   .outcome = static_cast<RunOutcome>(*outcome),
                   .exit_code = static_cast<std::int32_t>(*exit_code),
                   .output = *output,
                   .detail = *detail,
                   .start_time = absl::FromUnixMicros(*start),
                   .run_duration = absl::Microseconds(*duration)};
}

bool IsEnded(const RunRecord& record) {
  return record.step == RunStep::kReported || record.step == RunStep::kDropped;
}

}  // namespace

std::string EncodeRecord(const RunRecord& record) {
  const Json json = {{"job_id", record.job_id},
                     {"step", kSteps.at(static_cast<std::size_t>(record.step))},
                     {"run_id", record.run_id},
                     {"run_token", record.run_token},
                     {"outcome", kOutcomes.at(static_cast<std::size_t>(record.outcome))},
                     {"exit_code", record.exit_code},
                     {"output", record.output},
                     {"detail", record.detail},
                     {"start_microseconds", absl::ToUnixMicros(record.start_time)},
                     {"run_microseconds", absl::ToInt64Microseconds(record.run_duration)}};
  const std::string body =
      absl::StrCat(json.dump(2, ' ', false, Json::error_handler_t::replace), "\n");
  return absl::StrCat(DigestOf(body), "\n", body);
}

absl::StatusOr<RunRecord> DecodeRecord(absl::string_view text) {
  const absl::string_view digest = text.substr(0, kDigestDigits);
  absl::string_view body = text.substr(digest.size());
  if (!absl::ConsumePrefix(&body, "\n") || DigestOf(body) != digest) {
    return absl::InvalidArgumentError("the record is cut or changed: its digest is another");
  }
  const Json json = Json::parse(body.begin(), body.end(), nullptr, /*allow_exceptions=*/false);
  std::optional<RunRecord> record = FromJson(json);
  if (!record.has_value()) {
    return absl::InvalidArgumentError("the record lacks something that it needs");
  }
  return *std::move(record);
}

absl::StatusOr<std::unique_ptr<History>> History::Open(tree::Directory directory) {
  std::unique_ptr<History> history(new History(std::move(directory)));
  WAYBILL_RETURN_IF_ERROR(history->Load());
  WAYBILL_RETURN_IF_ERROR(history->Prune());
  return history;
}

absl::Status History::Load() {
  const MutexLock lock(mutex_);
  WAYBILL_ASSIGN_OR_RETURN(const std::vector<tree::Entry> entries, directory_.List());
  for (const tree::Entry& entry : entries) {
    if (absl::StartsWith(entry.name, tree::kTemporaryPrefix)) {
      WAYBILL_RETURN_IF_ERROR(directory_.Remove(entry.name));
      continue;
    }
    const std::string job_id(absl::StripSuffix(entry.name, kSuffix));
    if (job_id == entry.name || !model::CheckJobId("job_id", job_id).ok()) continue;
    const absl::StatusOr<std::string> text = directory_.ReadFile(entry.name, kRecordBytesMax);
    absl::StatusOr<RunRecord> record =
        text.ok() ? DecodeRecord(*text) : absl::StatusOr<RunRecord>(text.status());
    if (record.ok() && record->job_id == job_id) {
      records_.emplace(job_id, *std::move(record));
    } else {
      broken_.insert(job_id);
      log::Error("a record of the history is broken: its job will not run here",
                 {{"job_id", job_id}, {"error", record.status()}});
    }
  }
  return absl::OkStatus();
}

absl::Status History::Prune() {
  const MutexLock lock(mutex_);
  std::vector<std::pair<absl::Time, std::string>> ended;
  for (const auto& [job_id, record] : records_) {
    if (IsEnded(record)) ended.emplace_back(record.start_time, job_id);
  }
  std::sort(ended.begin(), ended.end());
  for (const auto& [start_time, job_id] : ended) {
    if (records_.size() <= static_cast<std::size_t>(kRecordsMax)) break;
    WAYBILL_RETURN_IF_ERROR(directory_.Remove(absl::StrCat(job_id, kSuffix)));
    records_.erase(job_id);
  }
  return absl::OkStatus();
}

absl::Status History::Put(const RunRecord& record) {
  WAYBILL_RETURN_IF_ERROR(model::CheckJobId("job_id", record.job_id));
  WAYBILL_RETURN_IF_ERROR(directory_.WriteFile(absl::StrCat(record.job_id, kSuffix),
                                               EncodeRecord(record), {.mode = 0600}));
  const MutexLock lock(mutex_);
  records_.insert_or_assign(record.job_id, record);
  return absl::OkStatus();
}

std::optional<RunRecord> History::Find(const std::string& job_id) const {
  const MutexLock lock(mutex_);
  const auto found = records_.find(job_id);
  if (found == records_.end()) return std::nullopt;
  return found->second;
}

RunProgress History::ProgressOf(const std::string& job_id) const {
  const MutexLock lock(mutex_);
  if (broken_.contains(job_id)) return RunProgress::kDone;
  const auto found = records_.find(job_id);
  if (found == records_.end()) return RunProgress::kNone;
  return found->second.step == RunStep::kRequested ? RunProgress::kRequested : RunProgress::kDone;
}

std::vector<RunRecord> History::ListAt(RunStep step) const {
  const MutexLock lock(mutex_);
  std::vector<RunRecord> listed;
  for (const auto& [job_id, record] : records_) {
    if (record.step == step) listed.push_back(record);
  }
  return listed;
}

}  // namespace waybill::pcm
