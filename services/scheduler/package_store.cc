#include "services/scheduler/package_store.h"

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <pqxx/pqxx>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"

#include "common/content/pack.h"
#include "common/jobdb/advisory_locks.h"
#include "common/jobdb/database.h"
#include "common/jobdb/database_query.h"
#include "common/model/ids.h"
#include "common/model/proto_time.h"
#include "common/random/random_id.h"
#include "common/status/status_macros.h"
#include "services/scheduler/registration_rules.h"

#include "scheduler_sql.h"

namespace waybill::scheduler {
namespace {

constexpr std::int64_t kPackageNumberMax = 99'999;  // A package id has five digits.

std::string Text(const pqxx::field& field) {
  return field.as<std::string>();
}

absl::Status NoSuchPackage(const std::string& package) {
  return NoSuch("package", {package});
}

package::v1::Package PackageFromRow(const pqxx::row& row) {
  package::v1::Package package;
  package.set_package_id(Text(row["package_id"]));
  package.set_name(Text(row["name"]));
  package.set_comment(Text(row["comment"]));
  package.set_source_directory(Text(row["source_directory"]));
  *package.mutable_create_time() = model::ToProto(jobdb::ReadTime(row["create_time"]));
  return package;
}

std::pair<std::string, package::v1::Command> CommandFromRow(const pqxx::row& row) {
  package::v1::Command command;
  command.set_command_name(Text(row["command_name"]));
  for (std::string& argument : jobdb::ReadTextArray(row["arguments"])) {
    command.add_arguments(std::move(argument));
  }
  *command.mutable_time_limit() =
      model::ToProto(absl::Seconds(row["time_limit_seconds"].as<std::int64_t>()));
  for (const std::int64_t code : jobdb::ReadIntegerArray(row["success_exit_codes"])) {
    command.add_success_exit_codes(static_cast<std::int32_t>(code));
  }
  for (std::string& platform : jobdb::ReadTextArray(row["platforms"])) {
    command.add_platforms(std::move(platform));
  }
  return {Text(row["package_id"]), std::move(command)};
}

package::v1::PackageVersion VersionFromRow(const pqxx::row& row) {
  package::v1::PackageVersion version;
  version.set_package_id(Text(row["package_id"]));
  version.set_version(absl::BytesToHexString(jobdb::ReadBytes(row["version"])));
  version.set_content_digest(absl::BytesToHexString(jobdb::ReadBytes(row["content_digest"])));
  version.set_entry_count(row["entry_count"].as<std::int64_t>());
  version.set_file_count(row["file_count"].as<std::int64_t>());
  version.set_plain_bytes(row["plain_bytes"].as<std::int64_t>());
  version.set_stored_bytes(row["stored_bytes"].as<std::int64_t>());
  *version.mutable_create_time() = model::ToProto(jobdb::ReadTime(row["create_time"]));
  for (std::string& path : jobdb::ReadTextArray(row["skipped_paths"])) {
    version.add_skipped_paths(std::move(path));
  }
  for (std::string& path : jobdb::ReadTextArray(row["set_id_paths"])) {
    version.add_set_id_paths(std::move(path));
  }
  return version;
}

package::v1::Location LocationFromRow(const pqxx::row& row) {
  package::v1::Location location;
  location.set_site_code(Text(row["site_code"]));
  location.set_kind(static_cast<package::v1::LocationKind>(row["kind"].as<int>()));
  location.set_package_id(Text(row["package_id"]));
  location.set_version(absl::BytesToHexString(jobdb::ReadBytes(row["version"])));
  location.set_server_name(Text(row["server_name"]));
  location.set_drive(Text(row["drive"]));
  location.set_directory(Text(row["directory"]));
  location.set_plain_bytes(row["plain_bytes"].as<std::int64_t>());
  *location.mutable_observe_time() = model::ToProto(jobdb::ReadTime(row["observe_time"]));
  return location;
}

// Reads rows into `page`, whose statement has the column has_next.
template <typename T>
auto IntoPage(Page<T>& page, T (*from_row)(const pqxx::row&)) {
  return [&page, from_row](const pqxx::row& row) {
    page.elements.push_back(from_row(row));
    page.has_next = row["has_next"].as<bool>();
    return true;
  };
}

UsedDirectory UsedFromRow(const pqxx::row& row) {
  return {.owner = Text(row["owner"]), .directory = Text(row["directory"])};
}

using Filter = std::optional<std::string>;

void AddCommands(pqxx::transaction_base& work, std::vector<package::v1::Package>& packages) {
  std::map<std::string, package::v1::Package*> by_id;
  std::vector<std::string> ids;
  for (package::v1::Package& package : packages) {
    by_id[package.package_id()] = &package;
    ids.push_back(package.package_id());
  }
  for (auto& [package_id, command] :
       jobdb::Query(work, sql::kListPackageCommands, CommandFromRow, ids)) {
    *by_id.at(package_id)->add_commands() = std::move(command);
  }
}

// The only one that fits, or none.
std::vector<package::v1::Package> ReadPackages(pqxx::transaction_base& work, const Filter& id,
                                               const Filter& name, const Filter& request_id) {
  std::vector<package::v1::Package> packages = jobdb::Query(
      work, sql::kListPackages, PackageFromRow, id, name, request_id, "", 1, kPageBytesMax);
  AddCommands(work, packages);
  return packages;
}

absl::StatusOr<std::string> TakePackageId(pqxx::transaction_base& work,
                                          const std::string& site_code) {
  const std::int64_t number =
      jobdb::FindOne(work, sql::kTakePackageNumber, [](const pqxx::row& row) {
        return row["number"].as<std::int64_t>();
      }).value();
  if (number > kPackageNumberMax) {
    return absl::ResourceExhaustedError(
        absl::StrCat("site ", site_code, " has given all its ", kPackageNumberMax, " package ids"));
  }
  return model::NumberedId(site_code, number);
}

void InsertPackage(pqxx::transaction_base& work, const std::string& request_id,
                   const package::v1::Package& package) {
  jobdb::Execute(work, sql::kCreatePackage, package.package_id(), request_id, package.name(),
                 package.comment(), package.source_directory());
  for (int i = 0; i < package.commands_size(); ++i) {
    const package::v1::Command& command = package.commands(i);
    jobdb::Execute(
        work, sql::kCreatePackageCommand, package.package_id(), i, command.command_name(),
        std::vector<std::string>(command.arguments().begin(), command.arguments().end()),
        absl::Seconds(command.time_limit().seconds()),
        std::vector<std::int32_t>(command.success_exit_codes().begin(),
                                  command.success_exit_codes().end()),
        std::vector<std::string>(command.platforms().begin(), command.platforms().end()));
  }
}

absl::StatusOr<std::string> LockOwnSiteCode(pqxx::transaction_base& work) {
  const std::optional<std::string> site_code = jobdb::FindOne(
      work, sql::kLockSelf, [](const pqxx::row& row) { return Text(row["site_code"]); });
  if (!site_code.has_value()) {
    return absl::FailedPreconditionError("the job database belongs to no site yet");
  }
  return *site_code;
}

absl::StatusOr<package::v1::Package> CreateInTransaction(pqxx::transaction_base& work,
                                                         const std::string& request_id,
                                                         package::v1::Package package) {
  // The lock makes creations take turns, so that a repeat that overtakes its first call waits for
  // it, and no share is registered between the look at the shares and the commit.
  WAYBILL_ASSIGN_OR_RETURN(const std::string site_code, LockOwnSiteCode(work));
  std::vector<package::v1::Package> first =
      ReadPackages(work, std::nullopt, std::nullopt, request_id);
  if (!first.empty()) {
    return std::move(first.front());
  }
  if (!ReadPackages(work, std::nullopt, package.name(), std::nullopt).empty()) {
    return absl::AlreadyExistsError(
        absl::StrCat("name: a package named '", package.name(), "' exists at site ", site_code));
  }
  WAYBILL_RETURN_IF_ERROR(CheckNoOverlap(
      "source_directory", package.source_directory(),
      jobdb::Query(work, sql::kListUsedDirectories, UsedFromRow, site_code, std::nullopt)));
  WAYBILL_ASSIGN_OR_RETURN(*package.mutable_package_id(), TakePackageId(work, site_code));
  InsertPackage(work, request_id, package);
  return std::move(ReadPackages(work, package.package_id(), std::nullopt, std::nullopt).front());
}

// Waits for a collector that is unlinking packs. A pin that came into being while it does would be
// unknown to it, and a check of what stands would be of the past.
void LockPacks(pqxx::transaction_base& work) {
  jobdb::Query(
      work, sql::kLockPacksShared, [](const pqxx::row&) { return 0; }, jobdb::kPackUnlinkLock);
}

absl::Status LeaseLost() {
  return absl::AbortedError("the import lost its lease: another one may be running");
}

}  // namespace

absl::StatusOr<package::v1::Package> PackageStore::Create(const std::string& request_id,
                                                          const package::v1::Package& package) {
  package::v1::Package created;
  WAYBILL_RETURN_IF_ERROR(
      database_.RunRetrying(sql::kCreatePackage, [&](pqxx::transaction_base& work) -> absl::Status {
        WAYBILL_ASSIGN_OR_RETURN(created, CreateInTransaction(work, request_id, package));
        return absl::OkStatus();
      }));
  return created;
}

absl::StatusOr<std::vector<package::v1::Package>> PackageStore::Read(const Filter& package_id,
                                                                     const Filter& name) {
  std::vector<package::v1::Package> packages;
  WAYBILL_RETURN_IF_ERROR(database_.Run(sql::kListPackages, [&](pqxx::transaction_base& work) {
    packages = ReadPackages(work, package_id, name, std::nullopt);
    return absl::OkStatus();
  }));
  return packages;
}

absl::StatusOr<package::v1::Package> PackageStore::GetById(const std::string& package_id) {
  WAYBILL_ASSIGN_OR_RETURN(std::vector<package::v1::Package> packages,
                           Read(package_id, std::nullopt));
  return packages.empty() ? absl::StatusOr<package::v1::Package>(NoSuchPackage(package_id))
                          : std::move(packages.front());
}

absl::StatusOr<package::v1::Package> PackageStore::GetByName(const std::string& name) {
  WAYBILL_ASSIGN_OR_RETURN(std::vector<package::v1::Package> packages, Read(std::nullopt, name));
  return packages.empty() ? absl::StatusOr<package::v1::Package>(NoSuchPackage(name))
                          : std::move(packages.front());
}

absl::StatusOr<Page<package::v1::Package>> PackageStore::List(const std::string& after_package_id,
                                                              int count) {
  Page<package::v1::Package> page;
  WAYBILL_RETURN_IF_ERROR(database_.Run(sql::kListPackages, [&](pqxx::transaction_base& work) {
    page = {};
    const Filter any;
    jobdb::Query(work, sql::kListPackages, IntoPage(page, PackageFromRow), any, any, any,
                 after_package_id, count, kPageBytesMax);
    AddCommands(work, page.elements);
    return absl::OkStatus();
  }));
  return page;
}

absl::StatusOr<Page<package::v1::PackageVersion>> PackageStore::ListVersions(
    const std::string& package_id, const VersionCursor& after, int count) {
  WAYBILL_RETURN_IF_ERROR(GetById(package_id).status());
  Page<package::v1::PackageVersion> page;
  const std::string version = absl::HexStringToBytes(after.version);
  WAYBILL_RETURN_IF_ERROR(
      jobdb::Query(database_, sql::kListVersions, IntoPage(page, VersionFromRow), package_id,
                   after.create_time, jobdb::Bytes{version}, count, kPageBytesMax)
          .status());
  return page;
}

absl::StatusOr<std::optional<package::v1::PackageVersion>> PackageStore::FindNewestVersion(
    const std::string& package_id) {
  return jobdb::FindOne(database_, sql::kListVersions, VersionFromRow, package_id,
                        absl::InfiniteFuture(), jobdb::Bytes{""}, 1, kPageBytesMax);
}

absl::StatusOr<Page<package::v1::Location>> PackageStore::ListLocations(
    const std::string& package_id, const package::v1::Location& after, int count) {
  WAYBILL_RETURN_IF_ERROR(GetById(package_id).status());
  Page<package::v1::Location> page;
  const std::string version = absl::HexStringToBytes(after.version());
  WAYBILL_RETURN_IF_ERROR(
      jobdb::Query(database_, sql::kListLocations, IntoPage(page, LocationFromRow), package_id,
                   package::v1::LOCATION_KIND_STORE, package::v1::LOCATION_KIND_SERVER,
                   after.site_code(), static_cast<int>(after.kind()), after.server_name(),
                   jobdb::Bytes{version}, count, kPageBytesMax)
          .status());
  return page;
}

absl::StatusOr<ImportLease> PackageStore::TakeImportLease(const std::string& package_id,
                                                          const std::string& holder,
                                                          absl::Duration duration) {
  ImportLease lease = {.lease_name = absl::StrCat("import/", package_id),
                       .fence = 0,
                       .pin_id = absl::StrCat("import/", RandomId())};
  WAYBILL_RETURN_IF_ERROR(database_.RunRetrying(
      sql::kTakeImportLease, [&](pqxx::transaction_base& work) -> absl::Status {
        LockPacks(work);
        const std::optional<std::int64_t> fence = jobdb::FindOne(
            work, sql::kTakeImportLease,
            [](const pqxx::row& row) { return row["fence"].as<std::int64_t>(); }, lease.lease_name,
            holder, duration);
        if (!fence.has_value()) {
          return absl::AbortedError(
              absl::StrCat("an import of package ", package_id, " is running: wait for its end"));
        }
        lease.fence = *fence;
        jobdb::Execute(work, sql::kCreateImportPin, lease.pin_id, package_id, holder, duration);
        return absl::OkStatus();
      }));
  return lease;
}

absl::Status PackageStore::RenewImport(const ImportLease& lease, absl::Duration duration) {
  WAYBILL_ASSIGN_OR_RETURN(const std::int64_t renewed,
                           jobdb::Execute(database_, sql::kRenewImport, lease.lease_name,
                                          lease.fence, lease.pin_id, duration));
  return renewed == 1 ? absl::OkStatus() : LeaseLost();
}

absl::Status PackageStore::EndImport(const ImportLease& lease) {
  return database_.RunRetrying(sql::kEndImportLease, [&](pqxx::transaction_base& work) {
    jobdb::Execute(work, sql::kEndImportLease, lease.lease_name, lease.fence);
    jobdb::Execute(work, sql::kEndImportPin, lease.pin_id);
    return absl::OkStatus();
  });
}

absl::StatusOr<package::v1::PackageVersion> PackageStore::CommitVersion(
    const ImportLease& lease, const NewVersion& version,
    absl::FunctionRef<absl::Status()> check_chunks) {
  package::v1::PackageVersion committed;
  const absl::Status status =
      database_.Run(sql::kPutVersion, [&](pqxx::transaction_base& work) -> absl::Status {
        LockPacks(work);
        if (!jobdb::FindOne(
                work, sql::kLockImportLease, [](const pqxx::row&) { return 0; }, lease.lease_name,
                lease.fence)) {
          return LeaseLost();
        }
        WAYBILL_RETURN_IF_ERROR(check_chunks());
        committed =
            jobdb::FindOne(work, sql::kPutVersion, VersionFromRow, version.package_id,
                           jobdb::Bytes{version.version.bytes()},
                           jobdb::Bytes{version.content_digest.bytes()}, version.entry_count,
                           version.file_count, version.plain_bytes, version.stored_bytes,
                           version.manifest_bytes, version.skipped_paths, version.set_id_paths)
                .value();
        return absl::OkStatus();
      });
  WAYBILL_RETURN_IF_ERROR(status);
  return committed;
}

}  // namespace waybill::scheduler
