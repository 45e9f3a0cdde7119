#include "common/jobdb/migrate.h"

#include <chrono>
#include <map>
#include <string>
#include <utility>

#include <pqxx/pqxx>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/span.h"

#include "common/jobdb/advisory_locks.h"
#include "common/jobdb/connection_string.h"
#include "common/jobdb/pg_errors.h"
#include "common/jobdb/statement.h"
#include "common/status/status_macros.h"

#include "jobdb_migrations.h"

namespace waybill::jobdb {
namespace {

constexpr absl::Duration kLookInterval = absl::Milliseconds(500);

constexpr const char* kCreateHistory = R"sql(
CREATE SCHEMA IF NOT EXISTS waybill;
CREATE TABLE IF NOT EXISTS waybill.schema_migration (
  name         text        PRIMARY KEY,
  sha256       text        NOT NULL,
  applied_time timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE waybill.schema_migration IS 'The migrations that made this schema, see migrate.h.';
)sql";

// Name -> digest of the text; empty in a database without our schema.
using History = std::map<std::string, std::string>;

History ReadHistory(pqxx::work& work) {
  History history;
  if (work.exec1("SELECT to_regclass('waybill.schema_migration')")[0].is_null()) {
    return history;
  }
  for (const pqxx::row& row : work.exec("SELECT name, sha256 FROM waybill.schema_migration")) {
    history.emplace(row[0].as<std::string>(), row[1].as<std::string>());
  }
  return history;
}

std::string Digest(pqxx::work& work, const Statement& migration) {
  return work.exec_params1("SELECT encode(sha256(convert_to($1, 'UTF8')), 'hex')", migration.sql)[0]
      .as<std::string>();
}

// What of `migrations` the database lacks: they are a suffix, the history is the rest.
absl::StatusOr<absl::Span<const Statement>> Missing(pqxx::work& work, History history,
                                                    absl::Span<const Statement> migrations) {
  while (!migrations.empty()) {
    const auto applied = history.find(migrations.front().name);
    if (applied == history.end()) {
      break;
    }
    if (applied->second != Digest(work, migrations.front())) {
      return absl::FailedPreconditionError(absl::StrCat(
          "migration ", applied->first, " was changed after it was applied to this job database"));
    }
    history.erase(applied);
    migrations.remove_prefix(1);
  }
  if (!history.empty()) {
    return absl::FailedPreconditionError(
        absl::StrCat("the job database has migration ", history.rbegin()->first,
                     ", which this program does not know: install its newer version"));
  }
  return migrations;
}

absl::Status ApplyMissing(pqxx::work& work, absl::Span<const Statement> migrations) {
  work.exec(absl::StrCat("SELECT pg_advisory_xact_lock(", kMigrateLock, ")"));
  work.exec(kCreateHistory);
  WAYBILL_ASSIGN_OR_RETURN(const absl::Span<const Statement> missing,
                           Missing(work, ReadHistory(work), migrations));
  for (const Statement& migration : missing) {
    WAYBILL_RETURN_IF_ERROR(CatchPgErrors(absl::StrCat("migration ", migration.name), [&] {
      work.exec(migration.sql);
      return absl::OkStatus();
    }));
    work.exec_params0("INSERT INTO waybill.schema_migration (name, sha256) VALUES ($1, $2)",
                      migration.name, Digest(work, migration));
  }
  work.commit();
  return absl::OkStatus();
}

enum class Look { kReady, kNotYet, kNever };

struct LookResult {
  Look look;
  absl::Status why;
};

// One look at the schema, as Migrate would find it.
LookResult LookAtSchema(const ConnectionString& target) {
  std::size_t missing_count = 0;
  bool answered = false;
  absl::Status status = CatchConnectErrors(target, [&]() -> absl::Status {
    pqxx::connection connection(target.for_libpq());
    pqxx::work work(connection);
    answered = true;
    WAYBILL_ASSIGN_OR_RETURN(const absl::Span<const Statement> missing,
                             Missing(work, ReadHistory(work), Migrations()));
    missing_count = missing.size();
    return absl::OkStatus();
  });
  if (!status.ok()) {
    const bool never = answered && absl::IsFailedPrecondition(status);
    return {never ? Look::kNever : Look::kNotYet, std::move(status)};
  }
  if (missing_count == 0) {
    return {Look::kReady, absl::OkStatus()};
  }
  return {Look::kNotYet, absl::FailedPreconditionError(absl::StrCat(
                             "the job database at ", target.description(), " lacks ", missing_count,
                             " migration(s) up to ", Migrations().back().name,
                             "; run `waybill-scheduler migrate`"))};
}

}  // namespace

absl::Span<const Statement> Migrations() {
  return migrations::kAll;
}

absl::Status Migrate(const std::string& uri, absl::Span<const Statement> migrations) {
  WAYBILL_ASSIGN_OR_RETURN(const ConnectionString target, ConnectionString::Parse(uri));
  return CatchConnectErrors(target, [&] {
    pqxx::connection connection(target.for_libpq());
    return CatchPgErrors("migrate the job database", [&] {
      pqxx::work work(connection);
      return ApplyMissing(work, migrations);
    });
  });
}

absl::Status WaitForSchema(const std::string& uri, const SchemaWait& wait) {
  WAYBILL_ASSIGN_OR_RETURN(const ConnectionString target, ConnectionString::Parse(uri));
  const auto end = std::chrono::steady_clock::now() + absl::ToChronoNanoseconds(wait.limit);
  std::string reported;
  while (true) {
    LookResult result = LookAtSchema(target);
    if (result.look == Look::kReady) {
      return absl::OkStatus();
    }
    if (result.look == Look::kNever || std::chrono::steady_clock::now() >= end) {
      return result.why;
    }
    if (reported != result.why.message()) {
      reported = std::string(result.why.message());
      wait.report(absl::StrCat("waiting: ", reported));
    }
    if (!wait.pause(kLookInterval)) {
      return absl::CancelledError("told to stop while waiting for the job database");
    }
  }
}

}  // namespace waybill::jobdb
