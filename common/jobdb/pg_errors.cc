#include "common/jobdb/pg_errors.h"

#include <exception>
#include <string>

#include <pqxx/pqxx>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/string_view.h"

#include "common/jobdb/connection_string.h"

namespace waybill::jobdb {
namespace {

// The first row whose prefix fits a SQLSTATE wins. Classes are those of the PostgreSQL manual,
// appendix A.
struct Row {
  const char* prefix;
  absl::StatusCode code;
};
constexpr Row kRows[] = {
    {"23505", absl::StatusCode::kAlreadyExists},  // unique violation
    {"23P01", absl::StatusCode::kAlreadyExists},  // exclusion violation
    {"23", absl::StatusCode::kFailedPrecondition},
    {"22021", absl::StatusCode::kInvalidArgument},  // not in the database's encoding
    {"08", absl::StatusCode::kUnavailable},         // connection exception
    {"57", absl::StatusCode::kUnavailable},         // operator intervention, statement timeout
    {"55P03", absl::StatusCode::kUnavailable},      // lock timeout
    {"53", absl::StatusCode::kResourceExhausted},
};

absl::StatusCode CodeFor(absl::string_view sqlstate) {
  for (const Row& row : kRows) {
    if (absl::StartsWith(sqlstate, row.prefix)) {
      return row.code;
    }
  }
  return absl::StatusCode::kInternal;
}

absl::Status Annotate(absl::StatusCode code, absl::string_view what, const std::exception& error) {
  std::string text(absl::StripAsciiWhitespace(error.what()));
  absl::StrReplaceAll({{"\n\t", " "}, {"\n", " "}}, &text);  // libpq writes several lines.
  return {code, absl::StrCat(what, ": ", text)};
}

}  // namespace

absl::Status CatchPgErrors(absl::string_view what, absl::FunctionRef<absl::Status()> body) {
  try {
    return body();
  } catch (const pqxx::in_doubt_error& error) {
    return Annotate(absl::StatusCode::kUnknown, what, error);
  } catch (const pqxx::statement_completion_unknown& error) {
    return Annotate(absl::StatusCode::kUnknown, what, error);
  } catch (const pqxx::transaction_rollback& error) {
    // SQLSTATEs 40xxx; not an sql_error in libpqxx 6.
    return Annotate(absl::StatusCode::kAborted, what, error);
  } catch (const pqxx::broken_connection& error) {
    return Annotate(absl::StatusCode::kUnavailable, what, error);
  } catch (const pqxx::sql_error& error) {
    return Annotate(CodeFor(error.sqlstate()), what, error);
  } catch (const pqxx::argument_error& error) {
    return Annotate(absl::StatusCode::kInvalidArgument, what, error);
  } catch (const std::exception& error) {  // Such as a column that does not convert.
    return Annotate(absl::StatusCode::kInternal, what, error);
  }
}

absl::Status CatchConnectErrors(const ConnectionString& target,
                                absl::FunctionRef<absl::Status()> body) {
  const std::string what = absl::StrCat("cannot reach the job database at ", target.description());
  absl::Status status = CatchPgErrors(what, body);
  // A server that answers, and refuses, says FATAL.
  if (absl::IsUnavailable(status) && !absl::StrContains(status.message(), "FATAL:")) {
    return absl::UnavailableError(absl::StrCat(status.message(), "; is PostgreSQL running?"));
  }
  return status;
}

}  // namespace waybill::jobdb
