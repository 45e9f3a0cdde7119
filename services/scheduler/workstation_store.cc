#include "services/scheduler/workstation_store.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>
#include <pqxx/pqxx>

#include "absl/container/flat_hash_set.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"

#include "common/jobdb/database.h"
#include "common/jobdb/database_query.h"
#include "common/model/ids.h"
#include "common/model/machine_path.h"
#include "common/model/proto_time.h"
#include "common/status/status_macros.h"
#include "services/scheduler/registration_rules.h"

#include "scheduler_sql.h"

namespace waybill::scheduler {
namespace {

// Numbers are tried in lots. After so many the batch is refused; a repeat goes on from there.
constexpr std::int64_t kNumbersPerTry = 1000;
constexpr int kTriesMax = 1000;

// A batch as columns, the form in which it goes into SQL.
struct Columns {
  std::vector<std::string> sms_ids;  // Empty where the site gives one.
  std::vector<std::string> domains;
  std::vector<std::string> host_names;
  std::vector<std::string> operating_systems;
  std::vector<std::string> properties;
};

std::string PropertiesToJson(const site::v1::Workstation& workstation) {
  nlohmann::json json = nlohmann::json::object();
  for (const auto& [name, value] : workstation.properties()) {
    json[name] = value;
  }
  return json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

Columns ToColumns(absl::Span<const site::v1::Workstation> workstations) {
  Columns columns;
  for (const site::v1::Workstation& workstation : workstations) {
    columns.sms_ids.push_back(workstation.sms_id());
    columns.domains.push_back(workstation.domain());
    columns.host_names.push_back(workstation.host_name());
    columns.operating_systems.push_back(workstation.operating_system());
    columns.properties.push_back(PropertiesToJson(workstation));
  }
  return columns;
}

// What the database knows of one of the batch.
struct Known {
  std::string sms_id_of_name;  // Empty: no workstation of this site has its name.
  std::string site_of_id;      // Empty: nobody has its SMS ID.
};

Known KnownFromRow(const pqxx::row& row) {
  return {.sms_id_of_name = row["sms_id_of_name"].as<std::string>(),
          .site_of_id = row["site_of_id"].as<std::string>()};
}

absl::Status Refuse(int index, const site::v1::Workstation& workstation, absl::string_view why) {
  return absl::InvalidArgumentError(
      absl::StrCat(WorkstationName(index, workstation), ".sms_id: ", why));
}

absl::Status CheckDistinct(absl::Span<const site::v1::Workstation> workstations) {
  absl::flat_hash_set<std::string> names;
  absl::flat_hash_set<std::string> sms_ids;
  for (std::size_t i = 0; i < workstations.size(); ++i) {
    const site::v1::Workstation& one = workstations[i];
    if (!names.insert(absl::StrCat(one.domain(), "|", one.host_name())).second) {
      return absl::InvalidArgumentError(
          absl::StrCat(WorkstationName(static_cast<int>(i), one), ".host_name: it is there twice"));
    }
    if (!one.sms_id().empty() && !sms_ids.insert(one.sms_id()).second) {
      return Refuse(static_cast<int>(i), one, absl::StrCat("'", one.sms_id(), "' is there twice"));
    }
  }
  return absl::OkStatus();
}

absl::Status CheckKnown(const Self& self, int index, const site::v1::Workstation& workstation,
                        const Known& known) {
  const std::string& sms_id = workstation.sms_id();
  if (!known.site_of_id.empty() && known.site_of_id != self.site_code) {
    return Refuse(index, workstation,
                  absl::StrCat("'", sms_id, "' belongs to site ", known.site_of_id));
  }
  if (!sms_id.empty() && !known.sms_id_of_name.empty() && known.sms_id_of_name != sms_id) {
    return Refuse(index, workstation,
                  absl::StrCat("it is registered as ", known.sms_id_of_name, ", not ", sms_id));
  }
  return absl::OkStatus();
}

// Fills in the SMS IDs that names have already; returns where new ones are needed.
absl::StatusOr<std::vector<std::size_t>> FillKnownIds(
    const Self& self, absl::Span<const site::v1::Workstation> workstations,
    const std::vector<Known>& known, Columns& columns) {
  std::vector<std::size_t> lacking;
  absl::flat_hash_set<std::string> used;
  for (std::size_t i = 0; i < workstations.size(); ++i) {
    WAYBILL_RETURN_IF_ERROR(CheckKnown(self, static_cast<int>(i), workstations[i], known[i]));
    if (columns.sms_ids[i].empty()) {
      columns.sms_ids[i] = known[i].sms_id_of_name;
    }
    if (columns.sms_ids[i].empty()) {
      lacking.push_back(i);
    } else if (!used.insert(columns.sms_ids[i]).second) {
      return Refuse(static_cast<int>(i), workstations[i],
                    absl::StrCat("'", columns.sms_ids[i], "' is another's of this batch"));
    }
  }
  return lacking;
}

absl::Status GiveIds(pqxx::transaction_base& work, const Self& self,
                     const std::vector<std::size_t>& lacking, Columns& columns) {
  // An SMS ID that this very batch brings along is not in the table yet.
  const absl::flat_hash_set<std::string> brought(columns.sms_ids.begin(), columns.sms_ids.end());
  std::size_t given = 0;
  for (int tries = 0; given < lacking.size(); ++tries) {
    if (tries == kTriesMax) {
      return absl::ResourceExhaustedError("no SMS ID is free");
    }
    const auto wanted = static_cast<std::int64_t>(lacking.size() - given);
    const std::vector<std::int64_t> numbers = jobdb::Query(
        work, sql::kGiveWorkstationNumbers,
        [](const pqxx::row& row) { return row["number"].as<std::int64_t>(); }, self.site_code,
        tries == 0 ? wanted : std::max(wanted, kNumbersPerTry));
    for (const std::int64_t number : numbers) {
      std::string sms_id = model::NumberedId(self.site_code, number);
      if (given < lacking.size() && !brought.contains(sms_id)) {
        columns.sms_ids[lacking[given++]] = std::move(sms_id);
      }
    }
  }
  return absl::OkStatus();
}

Self SelfFromRow(const pqxx::row& row) {
  return {.site_code = row["site_code"].as<std::string>(),
          .parent_site_code = row["parent_site_code"].as<std::string>(),
          .ancestor_site_codes = {}};
}

absl::StatusOr<PutWorkstationsResult> PutInTransaction(
    pqxx::transaction_base& work, absl::Span<const site::v1::Workstation> workstations,
    Columns columns) {
  const std::optional<Self> self = jobdb::FindOne(work, sql::kLockSelf, SelfFromRow);
  if (!self.has_value()) {
    return absl::FailedPreconditionError("the job database belongs to no site yet");
  }
  const std::vector<Known> known =
      jobdb::Query(work, sql::kResolveWorkstations, KnownFromRow, self->site_code, columns.sms_ids,
                   columns.domains, columns.host_names);
  WAYBILL_ASSIGN_OR_RETURN(const std::vector<std::size_t> lacking,
                           FillKnownIds(*self, workstations, known, columns));
  WAYBILL_RETURN_IF_ERROR(GiveIds(work, *self, lacking, columns));
  PutWorkstationsResult result;
  for (const bool created : jobdb::Query(
           work, sql::kPutWorkstations,
           [](const pqxx::row& row) { return row["created"].as<bool>(); }, self->site_code,
           columns.sms_ids, columns.domains, columns.host_names, columns.operating_systems,
           columns.properties)) {
    ++(created ? result.created_count : result.updated_count);
  }
  result.sms_ids = std::move(columns.sms_ids);
  return result;
}

site::v1::Workstation WorkstationFromRow(const pqxx::row& row) {
  site::v1::Workstation workstation;
  workstation.set_sms_id(row["sms_id"].as<std::string>());
  workstation.set_site_code(row["site_code"].as<std::string>());
  workstation.set_host_name(row["host_name"].as<std::string>());
  workstation.set_domain(row["domain"].as<std::string>());
  workstation.set_operating_system(row["operating_system"].as<std::string>());
  *workstation.mutable_register_time() = model::ToProto(jobdb::ReadTime(row["register_time"]));
  const nlohmann::json json = nlohmann::json::parse(row["properties"].c_str(), nullptr,
                                                    /*allow_exceptions=*/false);
  for (const auto& [name, value] : json.items()) {
    if (value.is_string()) {  // Ours always are; a row edited by hand must not stop a listing.
      (*workstation.mutable_properties())[name] = value.get<std::string>();
    }
  }
  return workstation;
}

}  // namespace

absl::StatusOr<PutWorkstationsResult> WorkstationStore::PutBatch(
    absl::Span<const site::v1::Workstation> workstations) {
  WAYBILL_RETURN_IF_ERROR(CheckDistinct(workstations));
  const Columns columns = ToColumns(workstations);
  PutWorkstationsResult result;
  WAYBILL_RETURN_IF_ERROR(database_.RunRetrying(
      sql::kPutWorkstations, [&](pqxx::transaction_base& work) -> absl::Status {
        WAYBILL_ASSIGN_OR_RETURN(result, PutInTransaction(work, workstations, columns));
        return absl::OkStatus();
      }));
  return result;
}

absl::StatusOr<Page<site::v1::Workstation>> WorkstationStore::List(const model::MachinePath& path,
                                                                   const std::string& after_sms_id,
                                                                   int count) {
  Page<site::v1::Workstation> page;
  const auto add = [&page](const pqxx::row& row) {
    page.elements.push_back(WorkstationFromRow(row));
    page.has_next = row["has_next"].as<bool>();
    return true;
  };
  WAYBILL_RETURN_IF_ERROR(jobdb::Query(database_, sql::kListWorkstations, add, after_sms_id,
                                       path.site_code, path.domain, path.host_name, count,
                                       kPageBytesMax)
                              .status());
  return page;
}

}  // namespace waybill::scheduler
