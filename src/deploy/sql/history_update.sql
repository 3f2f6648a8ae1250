-- A changeset ran again; its tag stays, unless it sets one itself.
UPDATE {history} SET DATEEXECUTED = NOW(), ORDEREXECUTED = {order}, MD5SUM = {md5sum}, EXECTYPE = {exectype}, DEPLOYMENT_ID = {deployment}, COMMENTS = {comments}, CONTEXTS = {contexts}, LABELS = {labels}, LIQUIBASE = {liquibase}, DESCRIPTION = {description}{tag_set} WHERE ID = {id} AND AUTHOR = {author} AND FILENAME = {filename}
