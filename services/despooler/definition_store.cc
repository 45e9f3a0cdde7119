#include "services/despooler/definition_store.h"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <pqxx/pqxx>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"
#include "absl/time/time.h"

#include "common/jobdb/database.h"
#include "common/jobdb/database_query.h"
#include "common/jobdb/parameters.h"
#include "common/model/definition_file.h"
#include "common/model/share_url.h"
#include "common/status/status_macros.h"

#include "despooler_sql.h"

namespace waybill::despooler {
namespace {

constexpr auto kToDefinition = [](const pqxx::row& row) {
  return DefinitionRow{.sms_id = row["sms_id"].as<std::string>(),
                       .domain = row["domain"].as<std::string>(),
                       .offer_version = row["offer_version"].as<std::int64_t>(),
                       .written_version = row["written_version"].as<std::int64_t>()};
};

constexpr auto kToText = [](const pqxx::row& row) { return row[0].as<std::string>(); };

// How a web server shows `directory`, given the share that it is on; empty if none does. A share
// that was moved since shows it no more.
std::string UrlOf(absl::string_view directory, const std::string& share_directory,
                  const std::string& share_url) {
  if (share_url.empty() || !absl::ConsumePrefix(&directory, absl::StrCat(share_directory, "/"))) {
    return "";
  }
  std::string url = model::UrlBeneath(share_url, directory);
  const bool good = model::CheckUrl("url", url, model::kLocationUrlBytesMax).ok();
  return good ? url : "";
}

std::vector<model::OfferLocation> ToLocations(const pqxx::row& row) {
  const std::vector<std::string> servers = jobdb::ReadTextArray(row["server_names"]);
  const std::vector<std::string> directories = jobdb::ReadTextArray(row["directories"]);
  const std::vector<std::string> share_directories = jobdb::ReadTextArray(row["share_directories"]);
  const std::vector<std::string> share_urls = jobdb::ReadTextArray(row["share_urls"]);
  std::vector<model::OfferLocation> locations;
  for (std::size_t i = 0; i < servers.size(); ++i) {
    locations.push_back(
        {.server_name = servers[i],
         .directory = directories.at(i),
         .url = UrlOf(directories.at(i), share_directories.at(i), share_urls.at(i))});
  }
  return locations;
}

model::Offer ToOffer(const pqxx::row& row) {
  model::Offer offer;
  offer.job_id = row["job_id"].as<std::string>();
  offer.comment = row["comment"].as<std::string>();
  offer.package_id = row["package_id"].as<std::string>();
  offer.package_name = row["package_name"].as<std::string>();
  offer.version = row["version"].as<std::string>();
  offer.plain_bytes = row["plain_bytes"].as<std::int64_t>();
  offer.command_name = row["command_name"].as<std::string>();
  offer.arguments = jobdb::ReadTextArray(row["arguments"]);
  offer.time_limit = absl::Seconds(row["time_limit_seconds"].as<std::int64_t>());
  for (const std::int64_t code : jobdb::ReadIntegerArray(row["success_exit_codes"])) {
    offer.success_exit_codes.push_back(static_cast<std::int32_t>(code));
  }
  offer.offer_after = jobdb::ReadTime(row["offer_after"]);
  offer.mandatory_after = jobdb::ReadOptionalTime(row["mandatory_after"]);
  offer.expires_after = jobdb::ReadOptionalTime(row["expires_after"]);
  offer.locations = ToLocations(row);
  return offer;
}

}  // namespace

absl::StatusOr<std::vector<DefinitionRow>> DefinitionStore::ListUnwritten(const std::string& after,
                                                                          int count_max) {
  return jobdb::Query(database_, sql::kListUnwrittenDefinitions, kToDefinition, after, count_max);
}

absl::StatusOr<std::vector<DefinitionRow>> DefinitionStore::ListAll(const std::string& after,
                                                                    int count_max) {
  return jobdb::Query(database_, sql::kListDefinitions, kToDefinition, after, count_max);
}

absl::StatusOr<std::vector<OfferedJob>> DefinitionStore::ListOfferedJobs(
    const std::vector<std::string>& sms_ids) {
  constexpr auto kFromRow = [](const pqxx::row& row) {
    return OfferedJob{.sms_id = row["sms_id"].as<std::string>(),
                      .job_id = row["job_id"].as<std::string>(),
                      .is_waiting = row["is_waiting"].as<bool>()};
  };
  return jobdb::Query(database_, sql::kListOfferedJobs, kFromRow, site_code_, sms_ids);
}

absl::StatusOr<std::vector<model::Offer>> DefinitionStore::ListOffers(
    const std::vector<std::string>& job_ids) {
  return jobdb::Query(database_, sql::kListOffers, ToOffer, site_code_, job_ids);
}

absl::Status DefinitionStore::PutWritten(const std::vector<WrittenDefinition>& written,
                                         const std::vector<OfferedJob>& offered) {
  std::vector<std::string> sms_ids;
  std::vector<std::int64_t> written_versions;
  std::vector<std::int64_t> found_versions;
  for (const WrittenDefinition& one : written) {
    sms_ids.push_back(one.sms_id);
    written_versions.push_back(one.written_version);
    found_versions.push_back(one.found_version);
  }
  std::vector<std::string> offered_sms_ids;
  std::vector<std::string> offered_job_ids;
  for (const OfferedJob& one : offered) {
    if (one.is_waiting) {
      offered_sms_ids.push_back(one.sms_id);
      offered_job_ids.push_back(one.job_id);
    }
  }
  return database_.RunRetrying(sql::kPutWrittenDefinitions, [&](pqxx::transaction_base& work) {
    jobdb::Execute(work, sql::kPutWrittenDefinitions, sms_ids, written_versions, found_versions);
    if (!offered_sms_ids.empty()) {
      jobdb::Execute(work, sql::kPutOffered, offered_sms_ids, offered_job_ids);
    }
    return absl::OkStatus();
  });
}

absl::StatusOr<int> DefinitionStore::ExpireTargets(int count_max) {
  std::vector<std::string> sms_ids;
  WAYBILL_RETURN_IF_ERROR(
      database_.RunRetrying(sql::kExpireTargets, [&](pqxx::transaction_base& work) {
        sms_ids = jobdb::Query(work, sql::kExpireTargets, kToText, site_code_, count_max);
        if (!sms_ids.empty()) {
          jobdb::Execute(work, sql::kBumpDefinitionsOf, sms_ids);
        }
        return absl::OkStatus();
      }));
  return static_cast<int>(sms_ids.size());
}

absl::StatusOr<absl::Duration> DefinitionStore::UntilNextExpiry() {
  constexpr auto kFromRow = [](const pqxx::row& row) {
    return jobdb::ReadOptional<std::int64_t>(row[0]);
  };
  WAYBILL_ASSIGN_OR_RETURN(const auto microseconds,
                           jobdb::GetOne(database_, absl::InternalError("an aggregate gave no row"),
                                         sql::kNextExpiry, kFromRow));
  return microseconds.has_value() ? absl::Microseconds(*microseconds) : absl::InfiniteDuration();
}

}  // namespace waybill::despooler
