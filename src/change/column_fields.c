/* column_fields.c - what a column object of a change, and its constraints, may say; see type.h. */
#include "type.h"

#define F(name, kind)               \
    {                               \
        name, FIELD_##kind, 0, NULL \
    }
#define F_NOT_IN_SUM(name, kind)                   \
    {                                              \
        name, FIELD_##kind, FIELD_NOT_IN_SUM, NULL \
    }

const struct change_field column_fields[] = {
    F("name", TEXT),
    F("computed", BOOLEAN),
    F("descending", BOOLEAN),
    F("included", BOOLEAN),
    F("type", TEXT),
    F("value", TEXT),
    F("valueNumeric", TEXT),
    F("valueBoolean", TEXT),
    F("valueDate", TEXT),
    F("valueComputed", TEXT),
    F("valueSequenceNext", TEXT),
    F("valueSequenceCurrent", TEXT),
    F("valueBlobFile", TEXT),
    F("valueClobFile", TEXT),
    F("encoding", TEXT),
    F("defaultValue", TEXT),
    F("defaultValueNumeric", TEXT),
    F("defaultValueDate", TEXT),
    F("defaultValueBoolean", BOOLEAN),
    F("defaultValueComputed", TEXT),
    F("defaultValueSequenceNext", TEXT),
    F("defaultValueSequenceCurrent", TEXT),
    F("defaultValueConstraintName", TEXT),
    F("autoIncrement", BOOLEAN),
    F("startWith", INTEGER),
    F("incrementBy", INTEGER),
    F("generationType", TEXT),
    F("defaultOnNull", BOOLEAN),
    F("remarks", TEXT),
    F("beforeColumn", TEXT),
    F("afterColumn", TEXT),
    F("position", INTEGER),
    F("constraints", CONSTRAINTS),
    /* of loadData, whose sum has no fields */
    F_NOT_IN_SUM("index", INTEGER),
    F_NOT_IN_SUM("header", TEXT),
    F_NOT_IN_SUM("allowUpdate", BOOLEAN),
};
const size_t n_column_fields = COUNT(column_fields);

const struct change_field constraint_fields[] = {
    F("nullable", BOOLEAN),
    F("notNullConstraintName", TEXT),
    F("primaryKey", BOOLEAN),
    F("primaryKeyName", TEXT),
    F("primaryKeyTablespace", TEXT),
    F("unique", BOOLEAN),
    F("uniqueConstraintName", TEXT),
    F("references", TEXT),
    F("referencedTableCatalogName", TEXT),
    F("referencedTableSchemaName", TEXT),
    F("referencedTableName", TEXT),
    F("referencedColumnNames", TEXT),
    F("foreignKeyName", TEXT),
    F("deleteCascade", BOOLEAN),
    F("deferrable", BOOLEAN),
    F("initiallyDeferred", BOOLEAN),
    F("checkConstraint", TEXT),
    F("validateNullable", BOOLEAN),
    F("validateUnique", BOOLEAN),
    F("validatePrimaryKey", BOOLEAN),
    F("validateForeignKey", BOOLEAN),
};
const size_t n_constraint_fields = COUNT(constraint_fields);
