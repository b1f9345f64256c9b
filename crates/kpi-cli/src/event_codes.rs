//! The codes of events in structured logs: tools tell events apart by them.

/// Event name and code, sorted by name.
const CODES: &[(&str, &str)] = &[
    ("AdapterRegistered", "E034"),
    ("ArtifactWritten", "P001"),
    ("BuildingCatalog", "E044"),
    ("CacheAction", "E022"),
    ("CannotGenerateDocs", "E043"),
    ("CatalogWritten", "E042"),
    ("CheckCleanPath", "Z012"),
    ("CheckNodeTestFailure", "Z027"),
    ("CollectFreshnessReturnSignature", "D012"),
    ("CommandCompleted", "Q039"),
    ("CompiledNode", "Q042"),
    ("ConcurrencyLine", "Q027"),
    ("ConfigSourcePathDeprecation", "D003"),
    ("ConfirmCleanPath", "Z013"),
    ("CustomOutputPathInSourceFreshnessDeprecation", "D029"),
    ("CustomTopLevelKeyDeprecation", "D025"),
    ("DebugCmdOut", "Z047"),
    ("DebugCmdResult", "Z048"),
    ("DefaultSelector", "Q023"),
    ("DeprecatedModel", "I065"),
    ("DeprecatedReference", "I067"),
    ("DeprecationsSummary", "D028"),
    ("DuplicateYAMLKeysDeprecation", "D024"),
    ("EndOfRunSummary", "Z030"),
    ("EndRunResult", "Q037"),
    ("EnvironmentVariableNamespaceDeprecation", "D036"),
    ("EnvironmentVariableRenamed", "D009"),
    ("FinishedCleanPaths", "Z015"),
    ("FinishedRunningStats", "E047"),
    ("Formatting", "Z017"),
    ("FoundStats", "W006"),
    ("FreshnessCheckComplete", "Q003"),
    ("FreshnessConfigProblem", "I073"),
    ("HooksRunning", "E046"),
    ("InvalidMacroAnnotation", "I076"),
    ("JinjaLogDebug", "I063"),
    ("JinjaLogInfo", "I062"),
    ("JinjaLogWarning", "I061"),
    ("ListCmdOut", "Z049"),
    ("ListRelations", "E014"),
    ("LogBatchResult", "Q046"),
    ("LogCancelLine", "Q022"),
    ("LogFreshnessResult", "Q018"),
    ("LogHookEndLine", "Q033"),
    ("LogHookStartLine", "Q032"),
    ("LogModelResult", "Q012"),
    ("LogNodeNoOpResult", "Q019"),
    ("LogNodeResult", "Q008"),
    ("LogSeedResult", "Q016"),
    ("LogSkipBecauseError", "Z034"),
    ("LogSnapshotResult", "Q015"),
    ("LogStartBatch", "Q045"),
    ("LogStartLine", "Q011"),
    ("LogTestResult", "Q007"),
    ("MacroNotFoundForPatch", "I059"),
    ("MainEncounteredError", "Z002"),
    ("MainKeyboardInterrupt", "Z001"),
    ("MainReportArgs", "A002"),
    ("MainReportVersion", "A001"),
    ("MarkSkippedChildren", "Z033"),
    ("MissingArgumentsPropertyInGenericTestDeprecation", "D039"),
    ("MissingPlusPrefixDeprecation", "D037"),
    ("ModelParamUsageDeprecation", "D032"),
    ("NewConnection", "E005"),
    ("NoNodeForYamlKey", "I058"),
    ("NoNodesForSelectionCriteria", "M030"),
    ("NoNodesSelected", "Q038"),
    ("NodeCompiling", "Q030"),
    ("NodeExecuting", "Q031"),
    ("NodeFinished", "Q025"),
    ("NodeNotFoundOrDisabled", "I060"),
    ("NodeStart", "Q024"),
    ("Note", "Z050"),
    ("NothingToDo", "Q035"),
    ("PackageInstallPathDeprecation", "D002"),
    ("ParseInlineNodeError", "I069"),
    ("PrintEvent", "Z052"),
    ("ProjectCreated", "A026"),
    ("ResourceReport", "Z051"),
    ("RunResultError", "Z024"),
    ("RunResultErrorNoMessage", "Z025"),
    ("RunResultFailure", "Z022"),
    ("RunResultWarning", "Z021"),
    ("RunResultWarningMessage", "Z046"),
    ("RunningOperationCaughtError", "Q001"),
    ("SQLCommit", "E018"),
    ("SQLCompiledPath", "Z026"),
    ("SQLQuery", "E016"),
    ("SQLQueryStatus", "E017"),
    ("SchemaCreation", "E020"),
    ("SchemaDrop", "E021"),
    ("SeedExceedsLimitAndPathChanged", "I054"),
    ("SeedExceedsLimitSamePath", "I053"),
    ("SeedHeader", "Q004"),
    ("SeedIncreased", "I052"),
    ("ShowNode", "Q041"),
    ("SkippingDetails", "Q034"),
    ("SnapshotTimestampWarning", "Q043"),
    ("SourceFreshnessProjectHooksNotRun", "D017"),
    ("SpacesInResourceNameDeprecation", "D014"),
    ("StatsLine", "Z023"),
    ("UnusedResourceConfigPath", "I051"),
    ("UnversionedBreakingChange", "I071"),
    ("ValidationWarning", "I009"),
    ("WEOIncludeExcludeDeprecation", "D031"),
    ("WarnStateTargetEqual", "I072"),
    ("WriteCatalogFailure", "E041"),
    ("WrongResourceSchemaFile", "I057"),
];

/// The code of an event; what has none of its own is a note.
pub fn code(name: &str) -> &'static str {
    CODES
        .binary_search_by_key(&name, |(n, _)| n)
        .ok()
        .and_then(|i| CODES.get(i))
        .map_or("Z050", |(_, code)| code)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_sorted_and_found() {
        assert!(CODES.is_sorted_by_key(|(name, _)| name));
        assert_eq!(code("SkippingDetails"), "Q034");
        assert_eq!(code("SomethingElse"), "Z050");
    }
}
